/* Log density of the rotated rows v = R u + e of all levels, u integrated out:
 * u ~ multi_normal(0, Lambda * Lambda'), e ~ normal(0, sigma), but for the constants and powers
 * of sigma that all rows share. The Cholesky factors C of I + R Lambda Lambda' R' / sigma^2 of
 * all levels are computed side by side, one entry after the other.
 */
real collapsed_levels_lpdf(array[] vector v, data array[,] vector R, matrix Lambda, real sigma) {
  int q = size(v);
  int n = num_elements(v[1]);
  matrix[q, q] scaled = Lambda / sigma;
  array[q, q] vector[n] B;
  array[q, q] vector[n] C;
  array[q] vector[n] t;
  real log_det = 0;
  real quad = 0;
  for (i in 1:q) {
    for (k in 1:q) {
      B[i, k] = rep_vector(0, n);
      for (j in max(i, k):q) {
        B[i, k] += scaled[j, k] * R[i, j];
      }
    }
  }
  for (i in 1:q) {
    for (j in 1:i) {
      vector[n] entry = rep_vector(i == j ? 1 : 0, n);
      for (k in 1:q) {
        entry += B[i, k] .* B[j, k];
      }
      for (k in 1:(j - 1)) {
        entry -= C[i, k] .* C[j, k];
      }
      if (i == j) {
        C[i, i] = sqrt(entry);
      } else {
        C[i, j] = entry ./ C[j, j];
      }
    }
    t[i] = v[i];
    for (k in 1:(i - 1)) {
      t[i] -= C[i, k] .* t[k];
    }
    t[i] = t[i] ./ C[i, i];
    log_det += 2 * sum(log(C[i, i]));
    quad += dot_self(t[i]);
  }
  return -0.5 * (log_det + quad / square(sigma));
}
