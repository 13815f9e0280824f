#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| kafedra_fuzz::words::sheet(data));
