/** Whether an IP address is of this machine alone: 127.0.0.0/8, ::1, or the first mapped into IPv6. */
export function isLoopback(address: string): boolean {
  const ipv4 = address.toLowerCase().replace(/^::ffff:/, "");
  return ipv4.startsWith("127.") || address === "::1";
}
