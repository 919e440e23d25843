// y ~ x + f
// family gaussian (links mu: identity)
data {
  int<lower=0> N;  // rows
  vector[N] Y;  // response y
  int<lower=1> K;  // population-level columns
  matrix[N, K] X;  // design of x + f
  real<lower=0> prior_scale_sigma;  // scale of the default prior of sigma
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  vector[rows(csr_extract_w(X))] wX = csr_extract_w(X);  // compressed sparse rows of X
  array[size(csr_extract_v(X))] int vX = csr_extract_v(X);
  array[size(csr_extract_u(X))] int uX = csr_extract_u(X);
}
parameters {
  vector[K] b;  // population-level effects
  real<lower=0> sigma;  // sigma of the gaussian family
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(sigma | 3, 0, prior_scale_sigma) - student_t_lccdf(0 | 3, 0, prior_scale_sigma);
}
model {
  if (!prior_only) {
    vector[N] mu = csr_matrix_times_vector(N, K, wX, vX, uX, b);  // x + f
    target += normal_lpdf(Y | mu, sigma);  // y ~ gaussian
  }
  target += lprior;
}
