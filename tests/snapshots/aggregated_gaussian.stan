// y ~ f + (1 | g)
// family gaussian (links mu: identity)
// rows that share all predictors added up to cells
data {
  int<lower=0> N;  // cells: rows that share all predictors
  vector[N] Y;  // response y
  int<lower=1> K;  // population-level columns
  int<lower=1> Kc;  // centred columns, without the intercept
  matrix[N, K] X;  // design of f
  vector[Kc] means_X;  // column means of X
  vector[N] Z_1_1;  // Intercept of (1 | g)
  int<lower=1> N_1;  // levels of g
  int<lower=1> M_1;  // coefficients per level of g
  array[N] int<lower=1, upper=N_1> J_1;  // level of g in each row
  real prior_location_Intercept;  // location of the default prior of Intercept
  real<lower=0> prior_scale_Intercept;  // scale of the default prior of Intercept
  real<lower=0> prior_scale_sigma;  // scale of the default prior of sigma
  real<lower=0> prior_scale_sd_1;  // scale of the default prior of sd_1
  vector<lower=0>[N] root_n;  // sqrt(rows of a cell)
  real<lower=0> SS_within;  // squares around the means of cells
  real<lower=0> nobs;  // rows, each as often as its weight says
  real log_base;  // log of what depends on no parameter
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N, Kc] Xc = X[, 2:K] - rep_matrix(means_X', N);  // centred design
}
parameters {
  vector[Kc] b;  // population-level effects
  real Intercept;  // intercept of the centred design
  real<lower=0> sigma;  // sigma of the gaussian family
  vector<lower=0>[M_1] sd_1;  // standard deviations of the effects of g
  array[M_1] vector[N_1] z_1;  // standardised effects
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept | 3, prior_location_Intercept, prior_scale_Intercept);
  lprior += student_t_lpdf(sigma | 3, 0, prior_scale_sigma) - student_t_lccdf(0 | 3, 0, prior_scale_sigma);
  lprior += student_t_lpdf(sd_1 | 3, 0, prior_scale_sd_1) - M_1 * student_t_lccdf(0 | 3, 0, prior_scale_sd_1);
}
model {
  if (!prior_only) {
    // effects of g: (1 | g)
    vector[N_1] r_1 = sd_1[1] * z_1[1];
    vector[N] mu = rep_vector(Intercept, N);
    mu += Xc * b;  // f
    mu += r_1[J_1] .* Z_1_1;  // (1 | g)
    target += -0.5 * (dot_self(root_n .* (Y - mu)) + SS_within) / square(sigma) - nobs * log(sigma) + log_base;  // y ~ gaussian
  }
  target += lprior;
  target += std_normal_lpdf(z_1[1] |);
}
