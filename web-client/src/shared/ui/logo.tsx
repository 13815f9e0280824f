/** The lectern. */
export function Logo({ size = 34 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="7" fill="#0f5c46" />
      <path d="M7 10h18l-2.5 6h-13zM13.5 16h5v7h-5zM10 23h12v2.5H10z" fill="#fff" />
    </svg>
  );
}
