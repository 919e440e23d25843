/* Adjacent category model of an ordinal response: P(y = k + 1 | y in {k, k + 1}) = F_k,
 * k = 1 .. T.
 * Args:
 *   y: category, 1 .. T + 1
 *   log_F: log F at each threshold
 *   log1m_F: log(1 - F) at each threshold
 * score[k] is the log of F_1 .. F_{k-1} (1 - F_k) .. (1 - F_T), which P(y = k) is
 * proportional to.
 */
real acat_lpmf(int y, vector log_F, vector log1m_F) {
  int T = num_elements(log_F);
  vector[T + 1] score;
  score[1] = sum(log1m_F);
  for (k in 1 : T) {
    score[k + 1] = score[k] + log_F[k] - log1m_F[k];
  }
  return categorical_logit_lpmf(y | score);
}
