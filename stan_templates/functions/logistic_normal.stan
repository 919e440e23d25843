/* Log density of shares whose log ratios to a reference category are jointly normal
 * (Aitchison and Shen 1980, Biometrika 67, 261-272).
 *   y: shares, which sum to 1
 *   mu, sigma: means and standard deviations of the log ratios
 *   L: Cholesky factor of their correlations
 *   ref: number of the reference category
 */
real logistic_normal_lpdf(vector y, vector mu, vector sigma, matrix L, int ref) {
  int C = rows(y);
  vector[C] log_y = log(y);
  vector[C - 1] ratio = append_row(head(log_y, ref - 1), tail(log_y, C - ref)) - log_y[ref];
  return multi_normal_cholesky_lpdf(ratio | mu, diag_pre_multiply(sigma, L)) - sum(log_y);
}
