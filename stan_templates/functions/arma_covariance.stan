/* Covariance of n steps of an ARMA(1, 1) process whose innovations have variance 1. */
matrix arma_covariance(real ar, real ma, int n) {
  vector[n] gamma;
  matrix[n, n] out;
  gamma[1] = (1 + 2 * ar * ma + square(ma)) / (1 - square(ar));
  if (n > 1) gamma[2] = (1 + ar * ma) * (ar + ma) / (1 - square(ar));
  for (k in 3:n) gamma[k] = ar * gamma[k - 1];
  for (j in 1:n) {
    out[j:n, j] = gamma[1:(n - j + 1)];
    out[j, j:n] = gamma[1:(n - j + 1)]';
  }
  return out;
}
