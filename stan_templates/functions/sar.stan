/* Residuals without what they share with their neighbours. */
vector sar_filter(vector e, real rho, data matrix W) {
  return e - rho * (W * e);
}
/* Log determinant of I - rho W from the eigenvalues of W (Ord 1975), real and imaginary parts. */
real sar_log_det(real rho, data vector real_part, data vector imaginary) {
  return 0.5 * sum(log(square(1 - rho * real_part) + square(rho * imaginary)));
}
