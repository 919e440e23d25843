// y | weights(w) ~ x
// sigma ~ x
// z | weights(w) ~ 1
// family student of y (links mu_y: identity, sigma_y: log)
// family student of z (links mu_z: identity)
data {
  int<lower=0> N;  // rows of the data
  int<lower=0> N_y;  // rows
  vector[N_y] Y_y;  // response y
  vector<lower=0>[N_y] weights_y;  // weights of the log-likelihood
  int<lower=1> K_y;  // population-level columns
  int<lower=1> Kc_y;  // centred columns, without the intercept
  matrix[N_y, K_y] X_y;  // design of x
  vector[Kc_y] means_X_y;  // column means of X
  int<lower=1> K_sigma_y;  // population-level columns
  int<lower=1> Kc_sigma_y;  // centred columns, without the intercept
  matrix[N_y, K_sigma_y] X_sigma_y;  // design of x
  vector[Kc_sigma_y] means_X_sigma_y;  // column means of X
  int<lower=0> N_z;  // rows
  vector[N_z] Y_z;  // response z
  vector<lower=0>[N_z] weights_z;  // weights of the log-likelihood
  int<lower=2> nresp;  // correlated responses
  real prior_location_Intercept_y;  // location of the default prior of Intercept_y
  real<lower=0> prior_scale_Intercept_y;  // scale of the default prior of Intercept_y
  real<lower=0> prior_scale_Intercept_sigma_y;  // scale of the default prior of Intercept_sigma_y
  real prior_location_Intercept_z;  // location of the default prior of Intercept_z
  real<lower=0> prior_scale_Intercept_z;  // scale of the default prior of Intercept_z
  real<lower=0> prior_scale_sigma_z;  // scale of the default prior of sigma_z
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N_y, Kc_y] Xc_y = X_y[, 2:K_y] - rep_matrix(means_X_y', N_y);  // centred design
  matrix[N_y, Kc_sigma_y] Xc_sigma_y = X_sigma_y[, 2:K_sigma_y] - rep_matrix(means_X_sigma_y', N_y);  // centred design
  array[N] vector[nresp] Y;  // the responses of each row
  for (n in 1:N) {
    Y[n] = [Y_y[n], Y_z[n]]';
  }
}
parameters {
  vector[Kc_y] b_y;  // population-level effects of y
  real Intercept_y;  // intercept of the centred design of y
  vector[Kc_sigma_y] b_sigma_y;  // population-level effects of sigma_y
  real Intercept_sigma_y;  // intercept of the centred design of sigma_y
  real Intercept_z;  // intercept of z
  real<lower=0> sigma_z;  // sigma of the student family
  cholesky_factor_corr[nresp] Lrescor;  // Cholesky factor of the residual correlations
  real<lower=1> nu;  // degrees of freedom of all responses
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept_y | 3, prior_location_Intercept_y, prior_scale_Intercept_y);
  lprior += student_t_lpdf(Intercept_sigma_y | 3, 0, prior_scale_Intercept_sigma_y);
  lprior += student_t_lpdf(Intercept_z | 3, prior_location_Intercept_z, prior_scale_Intercept_z);
  lprior += student_t_lpdf(sigma_z | 3, 0, prior_scale_sigma_z) - student_t_lccdf(0 | 3, 0, prior_scale_sigma_z);
  lprior += lkj_corr_cholesky_lpdf(Lrescor | 1);
  lprior += gamma_lpdf(nu | 2, 0.1) - gamma_lccdf(1 | 2, 0.1);
}
model {
  if (!prior_only) {
    vector[N_y] mu_y = rep_vector(Intercept_y, N_y);
    mu_y += Xc_y * b_y;  // x
    vector[N_y] sigma_y = rep_vector(Intercept_sigma_y, N_y);
    sigma_y += Xc_sigma_y * b_sigma_y;  // x
    sigma_y = exp(sigma_y);
    vector[N_z] mu_z = rep_vector(Intercept_z, N_z);
    for (n in 1:N) {  // residual correlations
      matrix[nresp, nresp] LSigma = diag_pre_multiply([sigma_y[n], sigma_z]', Lrescor);
      target += weights_y[n] * multi_student_t_cholesky_lpdf(Y[n] | nu, [mu_y[n], mu_z[n]]', LSigma);
    }
  }
  target += lprior;
}
