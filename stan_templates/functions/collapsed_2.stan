/* Log density of the rotated rows v = R u + e of all levels, u integrated out:
 * u ~ multi_normal(0, Lambda * Lambda'), e ~ normal(0, sigma), but for the constants and powers
 * of sigma that all rows share. Determinant and adjugate of I + R Lambda Lambda' R' / sigma^2
 * are sums of products that stay accurate when correlations come close to 1.
 */
real collapsed_levels_lpdf(array[] vector v, data array[,] vector R, matrix Lambda, real sigma) {
  int n = num_elements(v[1]);
  real a = Lambda[1, 1] / sigma;
  real c = Lambda[2, 1] / sigma;
  real d = Lambda[2, 2] / sigma;
  matrix[n, 4] minors;  // of R'R: its entries, and its determinant
  minors[, 1] = square(R[1, 1]);
  minors[, 2] = 2 * R[1, 1] .* R[1, 2];
  minors[, 3] = square(R[1, 2]) + square(R[2, 2]);
  minors[, 4] = square(R[1, 1] .* R[2, 2]);
  vector[n] det = 1 + minors * [square(a), a * c, square(c) + square(d), square(a * d)]';
  vector[n] w1 = R[2, 2] .* v[1] - R[1, 2] .* v[2];
  vector[n] w2 = R[1, 1] .* v[2];
  vector[n] quad = square(v[1]) + square(v[2]) + square(d * w1) + square(a * w2 - c * w1);
  return -0.5 * (sum(log(det)) + dot_product(quad, inv(det)) / square(sigma));
}
