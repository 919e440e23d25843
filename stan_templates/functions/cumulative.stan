/* Cumulative model of an ordinal response: P(y <= k) = F_k at the thresholds k = 1 .. T.
 * Args:
 *   y: category, 1 .. T + 1
 *   log_F: log F at each threshold
 *   log1m_F: log(1 - F) at each threshold
 * The difference is taken in the tail where it loses no digits.
 */
real cumulative_lpmf(int y, vector log_F, vector log1m_F) {
  int T = num_elements(log_F);
  if (y == 1) {
    return log_F[1];
  } else if (y == T + 1) {
    return log1m_F[T];
  } else if (log_F[y] < log1m_F[y - 1]) {
    return log_diff_exp(log_F[y], log_F[y - 1]);
  } else {
    return log_diff_exp(log1m_F[y - 1], log1m_F[y]);
  }
}
