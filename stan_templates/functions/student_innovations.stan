/* Student density of series whose residuals, by series and time, were made uncorrelated. */
real student_innovations_lpdf(vector z, real nu, array[] int begin, array[] int end) {
  real lp = 0;
  for (g in 1:size(begin)) {
    int n = end[g] - begin[g] + 1;
    lp += lgamma(0.5 * (nu + n)) - lgamma(0.5 * nu) - 0.5 * n * log(nu * pi());
    lp += -0.5 * (nu + n) * log1p(dot_self(z[begin[g]:end[g]]) / nu);
  }
  return lp;
}
