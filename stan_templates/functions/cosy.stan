/* Correlations of n times that are all the same. */
matrix compound_symmetry(real cosy, int n) {
  return add_diag(rep_matrix(cosy, n, n), 1 - cosy);
}
