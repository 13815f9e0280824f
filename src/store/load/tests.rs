//! The ledger: one row for each host of what was held, and sums that survive corrections (P9).
