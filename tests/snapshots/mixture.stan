// y ~ x + (1 | g)
// family mixture (links mu1: identity, mu2: identity)
data {
  int<lower=0> N;  // rows
  vector[N] Y;  // response y
  int<lower=1> K_mu1;  // population-level columns
  int<lower=1> Kc_mu1;  // centred columns, without the intercept
  matrix[N, K_mu1] X_mu1;  // design of x
  vector[Kc_mu1] means_X_mu1;  // column means of X
  vector[N] Z_1_mu1_1;  // Intercept of (1 | g)
  int<lower=1> K_mu2;  // population-level columns
  int<lower=1> Kc_mu2;  // centred columns, without the intercept
  matrix[N, K_mu2] X_mu2;  // design of x
  vector[Kc_mu2] means_X_mu2;  // column means of X
  vector[N] Z_2_mu2_1;  // Intercept of (1 | g)
  int<lower=1> N_1;  // levels of g
  int<lower=1> M_1;  // coefficients per level of g
  array[N] int<lower=1, upper=N_1> J_1;  // level of g in each row
  int<lower=1> N_2;  // levels of g
  int<lower=1> M_2;  // coefficients per level of g
  array[N] int<lower=1, upper=N_2> J_2;  // level of g in each row
  real prior_location_Intercept_mu1;  // location of the default prior of Intercept_mu1
  real<lower=0> prior_scale_Intercept_mu1;  // scale of the default prior of Intercept_mu1
  real prior_location_Intercept_mu2;  // location of the default prior of Intercept_mu2
  real<lower=0> prior_scale_Intercept_mu2;  // scale of the default prior of Intercept_mu2
  real<lower=0> prior_scale_sigma1;  // scale of the default prior of sigma1
  real<lower=0> prior_scale_sigma2;  // scale of the default prior of sigma2
  vector<lower=0>[2] con_theta;  // concentrations of theta
  real<lower=0> prior_scale_sd_1;  // scale of the default prior of sd_1
  real<lower=0> prior_scale_sd_2;  // scale of the default prior of sd_2
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N, Kc_mu1] Xc_mu1 = X_mu1[, 2:K_mu1] - rep_matrix(means_X_mu1', N);  // centred design
  matrix[N, Kc_mu2] Xc_mu2 = X_mu2[, 2:K_mu2] - rep_matrix(means_X_mu2', N);  // centred design
}
parameters {
  vector[Kc_mu1] b_mu1;  // population-level effects of mu1
  real Intercept_mu1;  // intercept of the centred design of mu1
  vector[Kc_mu2] b_mu2;  // population-level effects of mu2
  real Intercept_mu2;  // intercept of the centred design of mu2
  real<lower=0> sigma1;  // sigma1 of the gaussian family
  real<lower=0> sigma2;  // sigma2 of the student family
  real<lower=1> nu2;  // nu2 of the student family
  simplex[2] theta;  // probabilities of the components
  vector<lower=0>[M_1] sd_1;  // standard deviations of the effects of g
  array[M_1] vector[N_1] z_1;  // standardised effects
  vector<lower=0>[M_2] sd_2;  // standard deviations of the effects of g
  array[M_2] vector[N_2] z_2;  // standardised effects
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept_mu1 | 3, prior_location_Intercept_mu1, prior_scale_Intercept_mu1);
  lprior += student_t_lpdf(Intercept_mu2 | 3, prior_location_Intercept_mu2, prior_scale_Intercept_mu2);
  lprior += student_t_lpdf(sigma1 | 3, 0, prior_scale_sigma1) - student_t_lccdf(0 | 3, 0, prior_scale_sigma1);
  lprior += student_t_lpdf(sigma2 | 3, 0, prior_scale_sigma2) - student_t_lccdf(0 | 3, 0, prior_scale_sigma2);
  lprior += gamma_lpdf(nu2 | 2, 0.1) - gamma_lccdf(1 | 2, 0.1);
  lprior += dirichlet_lpdf(theta | con_theta);
  lprior += student_t_lpdf(sd_1 | 3, 0, prior_scale_sd_1) - M_1 * student_t_lccdf(0 | 3, 0, prior_scale_sd_1);
  lprior += student_t_lpdf(sd_2 | 3, 0, prior_scale_sd_2) - M_2 * student_t_lccdf(0 | 3, 0, prior_scale_sd_2);
}
model {
  if (!prior_only) {
    // effects of g: (1 | g)
    vector[N_1] r_1 = sd_1[1] * z_1[1];
    // effects of g: (1 | g)
    vector[N_2] r_2 = sd_2[1] * z_2[1];
    vector[N] mu1 = rep_vector(Intercept_mu1, N);
    mu1 += Xc_mu1 * b_mu1;  // x
    mu1 += r_1[J_1] .* Z_1_mu1_1;  // (1 | g)
    vector[N] mu2 = rep_vector(Intercept_mu2, N);
    mu2 += Xc_mu2 * b_mu2;  // x
    mu2 += r_2[J_2] .* Z_2_mu2_1;  // (1 | g)
    for (n in 1:N) {  // y ~ mixture
      target += log_sum_exp([log(theta[1]) + normal_lpdf(Y[n] | mu1[n], sigma1), log(theta[2]) + student_t_lpdf(Y[n] | nu2, mu2[n], sigma2)]);
    }
  }
  target += lprior;
  target += std_normal_lpdf(z_1[1] |);
  target += std_normal_lpdf(z_2[1] |);
}
