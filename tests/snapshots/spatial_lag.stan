// y ~ x + sar(W)
// family gaussian (links mu: identity)
functions {
  /* Residuals without what they share with their neighbours. */
  vector sar_filter(vector e, real rho, data matrix W) {
    return e - rho * (W * e);
  }
  /* Log determinant of I - rho W from the eigenvalues of W (Ord 1975), real and imaginary parts. */
  real sar_log_det(real rho, data vector real_part, data vector imaginary) {
    return 0.5 * sum(log(square(1 - rho * real_part) + square(rho * imaginary)));
  }
}
data {
  int<lower=0> N;  // rows
  vector[N] Y;  // response y
  int<lower=1> K;  // population-level columns
  int<lower=1> Kc;  // centred columns, without the intercept
  matrix[N, K] X;  // design of x
  vector[Kc] means_X;  // column means of X
  matrix[N, N] Msar;  // spatial weights, W
  vector[N] eigenMsar;  // real parts of their eigenvalues
  vector[N] eigenMsar_im;  // imaginary parts
  real min_eigenMsar;  // lower bound of lagsar
  real max_eigenMsar;  // upper bound of lagsar
  real prior_location_Intercept;  // location of the default prior of Intercept
  real<lower=0> prior_scale_Intercept;  // scale of the default prior of Intercept
  real<lower=0> prior_scale_sigma;  // scale of the default prior of sigma
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N, Kc] Xc = X[, 2:K] - rep_matrix(means_X', N);  // centred design
}
parameters {
  vector[Kc] b;  // population-level effects
  real Intercept;  // intercept of the centred design
  real<lower=min_eigenMsar, upper=max_eigenMsar> lagsar;  // spatial correlation of responses
  real<lower=0> sigma;  // sigma of the gaussian family
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept | 3, prior_location_Intercept, prior_scale_Intercept);
  lprior += student_t_lpdf(sigma | 3, 0, prior_scale_sigma) - student_t_lccdf(0 | 3, 0, prior_scale_sigma);
}
model {
  if (!prior_only) {
    vector[N] mu = rep_vector(Intercept, N);
    mu += Xc * b;  // x
    target += std_normal_lpdf((Y - lagsar * (Msar * Y) - mu) / sigma |) + sar_log_det(lagsar, eigenMsar, eigenMsar_im) - N * log(sigma);  // y ~ gaussian with sar(W)
  }
  target += lprior;
}
