// kind ~ x + (1 | g)
// family categorical (links mucar: logit, mutrain: logit)
data {
  int<lower=0> N;  // rows
  int<lower=2> ncat;  // categories
  array[N] int<lower=1, upper=ncat> Y;  // response kind
  int<lower=1> K_mucar;  // population-level columns
  int<lower=1> Kc_mucar;  // centred columns, without the intercept
  matrix[N, K_mucar] X_mucar;  // design of x
  vector[Kc_mucar] means_X_mucar;  // column means of X
  vector[N] Z_1_mucar_1;  // Intercept of (1 | g)
  int<lower=1> K_mutrain;  // population-level columns
  int<lower=1> Kc_mutrain;  // centred columns, without the intercept
  matrix[N, K_mutrain] X_mutrain;  // design of x
  vector[Kc_mutrain] means_X_mutrain;  // column means of X
  vector[N] Z_2_mutrain_1;  // Intercept of (1 | g)
  int<lower=1> N_1;  // levels of g
  int<lower=1> M_1;  // coefficients per level of g
  array[N] int<lower=1, upper=N_1> J_1;  // level of g in each row
  int<lower=1> N_2;  // levels of g
  int<lower=1> M_2;  // coefficients per level of g
  array[N] int<lower=1, upper=N_2> J_2;  // level of g in each row
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N, Kc_mucar] Xc_mucar = X_mucar[, 2:K_mucar] - rep_matrix(means_X_mucar', N);  // centred design
  matrix[N, Kc_mutrain] Xc_mutrain = X_mutrain[, 2:K_mutrain] - rep_matrix(means_X_mutrain', N);  // centred design
}
parameters {
  vector[Kc_mucar] b_mucar;  // population-level effects of mucar
  real Intercept_mucar;  // intercept of the centred design of mucar
  vector[Kc_mutrain] b_mutrain;  // population-level effects of mutrain
  real Intercept_mutrain;  // intercept of the centred design of mutrain
  vector<lower=0>[M_1] sd_1;  // standard deviations of the effects of g
  array[M_1] vector[N_1] z_1;  // standardised effects
  vector<lower=0>[M_2] sd_2;  // standard deviations of the effects of g
  array[M_2] vector[N_2] z_2;  // standardised effects
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept_mucar | 3, 0, 2.5);
  lprior += student_t_lpdf(Intercept_mutrain | 3, 0, 2.5);
  lprior += student_t_lpdf(sd_1 | 3, 0, 2.5) - M_1 * student_t_lccdf(0 | 3, 0, 2.5);
  lprior += student_t_lpdf(sd_2 | 3, 0, 2.5) - M_2 * student_t_lccdf(0 | 3, 0, 2.5);
}
model {
  if (!prior_only) {
    // effects of g: (1 | g)
    vector[N_1] r_1 = sd_1[1] * z_1[1];
    // effects of g: (1 | g)
    vector[N_2] r_2 = sd_2[1] * z_2[1];
    vector[N] mucar = rep_vector(Intercept_mucar, N);
    mucar += Xc_mucar * b_mucar;  // x
    mucar += r_1[J_1] .* Z_1_mucar_1;  // (1 | g)
    vector[N] mutrain = rep_vector(Intercept_mutrain, N);
    mutrain += Xc_mutrain * b_mutrain;  // x
    mutrain += r_2[J_2] .* Z_2_mutrain_1;  // (1 | g)
    for (n in 1:N) {  // kind ~ categorical
      target += categorical_logit_lpmf(Y[n] | [0, mucar[n], mutrain[n]]');
    }
  }
  target += lprior;
  target += std_normal_lpdf(z_1[1] |);
  target += std_normal_lpdf(z_2[1] |);
}
