// gaps | mi() ~ x
// y | mi() ~ z
// family gaussian of gaps (links mu_gaps: identity)
// family gaussian of y (links mu_y: identity)
data {
  int<lower=0> N;  // rows of the data
  int<lower=0> N_gaps;  // rows
  vector[N_gaps] Y_gaps;  // response gaps
  int<lower=0> Nmi_gaps;  // missing responses
  array[Nmi_gaps] int<lower=1, upper=N_gaps> Jmi_gaps;  // their rows
  int<lower=1> K_gaps;  // population-level columns
  int<lower=1> Kc_gaps;  // centred columns, without the intercept
  matrix[N_gaps, K_gaps] X_gaps;  // design of x
  vector[Kc_gaps] means_X_gaps;  // column means of X
  int<lower=0> N_y;  // rows
  vector[N_y] Y_y;  // response y
  int<lower=0> Nmi_y;  // missing responses
  array[Nmi_y] int<lower=1, upper=N_y> Jmi_y;  // their rows
  int<lower=1> K_y;  // population-level columns
  int<lower=1> Kc_y;  // centred columns, without the intercept
  matrix[N_y, K_y] X_y;  // design of z
  vector[Kc_y] means_X_y;  // column means of X
  int<lower=2> nresp;  // correlated responses
  real prior_location_Intercept_y;  // location of the default prior of Intercept_y
  real<lower=0> prior_scale_Intercept_y;  // scale of the default prior of Intercept_y
  real<lower=0> prior_scale_sigma_y;  // scale of the default prior of sigma_y
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N_gaps, Kc_gaps] Xc_gaps = X_gaps[, 2:K_gaps] - rep_matrix(means_X_gaps', N_gaps);  // centred design
  matrix[N_y, Kc_y] Xc_y = X_y[, 2:K_y] - rep_matrix(means_X_y', N_y);  // centred design
}
parameters {
  vector[Nmi_gaps] Ymi_gaps;  // missing responses
  vector[Kc_gaps] b_gaps;  // population-level effects of gaps
  real Intercept_gaps;  // intercept of the centred design of gaps
  real<lower=0> sigma_gaps;  // sigma of the gaussian family
  vector[Nmi_y] Ymi_y;  // missing responses
  vector[Kc_y] b_y;  // population-level effects of y
  real Intercept_y;  // intercept of the centred design of y
  real<lower=0> sigma_y;  // sigma of the gaussian family
  cholesky_factor_corr[nresp] Lrescor;  // Cholesky factor of the residual correlations
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept_gaps | 3, 0, 2.5);
  lprior += student_t_lpdf(sigma_gaps | 3, 0, 2.5) - student_t_lccdf(0 | 3, 0, 2.5);
  lprior += student_t_lpdf(Intercept_y | 3, prior_location_Intercept_y, prior_scale_Intercept_y);
  lprior += student_t_lpdf(sigma_y | 3, 0, prior_scale_sigma_y) - student_t_lccdf(0 | 3, 0, prior_scale_sigma_y);
  lprior += lkj_corr_cholesky_lpdf(Lrescor | 1);
}
model {
  vector[N_gaps] Yl_gaps = Y_gaps;  // responses with imputed values
  Yl_gaps[Jmi_gaps] = Ymi_gaps;
  vector[N_y] Yl_y = Y_y;  // responses with imputed values
  Yl_y[Jmi_y] = Ymi_y;
  array[N] vector[nresp] Y;  // the responses of each row
  for (n in 1:N) {
    Y[n] = [Yl_gaps[n], Yl_y[n]]';
  }
  if (!prior_only) {
    vector[N_gaps] mu_gaps = rep_vector(Intercept_gaps, N_gaps);
    mu_gaps += Xc_gaps * b_gaps;  // x
    vector[N_y] mu_y = rep_vector(Intercept_y, N_y);
    mu_y += Xc_y * b_y;  // z
    array[N] vector[nresp] Mu;
    for (n in 1:N) {
      Mu[n] = [mu_gaps[n], mu_y[n]]';
    }
    target += multi_normal_cholesky_lpdf(Y | Mu, diag_pre_multiply([sigma_gaps, sigma_y]', Lrescor));  // residual correlations
  }
  target += lprior;
}
