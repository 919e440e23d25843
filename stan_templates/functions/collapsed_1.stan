/* Log density of the rotated rows v = R u + e of all levels, u integrated out:
 * u ~ normal(0, Lambda), e ~ normal(0, sigma), but for the constants and powers of sigma that
 * all rows share. A level's variance is sigma^2 times det.
 */
real collapsed_levels_lpdf(array[] vector v, data array[,] vector R, matrix Lambda, real sigma) {
  vector[num_elements(v[1])] det = 1 + square(Lambda[1, 1] / sigma) * square(R[1, 1]);
  return -0.5 * (sum(log(det)) + sum(square(v[1]) ./ det) / square(sigma));
}
