/* Discrete Weibull: P(Y >= y) = q^(y^shape) for y = 0, 1, ... (Nakagawa & Osaki 1975,
 * doi:10.1109/TR.1975.5214915).
 * Args:
 *   y: count
 *   log_q: log of q, the probability of more than zero
 *   shape: positive
 */
real discrete_weibull_lccdf(int y, real log_q, real shape) {
  return y < 0 ? 0 : pow(y + 1, shape) * log_q;
}
real discrete_weibull_lcdf(int y, real log_q, real shape) {
  return y < 0 ? negative_infinity() : log1m_exp(pow(y + 1, shape) * log_q);
}
real discrete_weibull_lpmf(int y, real log_q, real shape) {
  if (y == 0) {
    return log1m_exp(log_q);
  }
  return log_diff_exp(pow(y, shape) * log_q, pow(y + 1, shape) * log_q);
}
