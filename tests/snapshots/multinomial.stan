// cbind(n1, n2, n3) | trials(size) ~ x + (1 | g)
// family multinomial (links mun1: logit, mun2: logit)
data {
  int<lower=0> N;  // rows
  int<lower=2> ncat;  // categories
  array[N, ncat] int<lower=0> Y;  // response cbind(n1, n2, n3)
  array[N] int<lower=0> trials;  // number of trials
  int<lower=1> K_mun1;  // population-level columns
  int<lower=1> Kc_mun1;  // centred columns, without the intercept
  matrix[N, K_mun1] X_mun1;  // design of x
  vector[Kc_mun1] means_X_mun1;  // column means of X
  vector[N] Z_1_mun1_1;  // Intercept of (1 | g)
  int<lower=1> K_mun2;  // population-level columns
  int<lower=1> Kc_mun2;  // centred columns, without the intercept
  matrix[N, K_mun2] X_mun2;  // design of x
  vector[Kc_mun2] means_X_mun2;  // column means of X
  vector[N] Z_2_mun2_1;  // Intercept of (1 | g)
  int<lower=1> N_1;  // levels of g
  int<lower=1> M_1;  // coefficients per level of g
  array[N] int<lower=1, upper=N_1> J_1;  // level of g in each row
  int<lower=1> N_2;  // levels of g
  int<lower=1> M_2;  // coefficients per level of g
  array[N] int<lower=1, upper=N_2> J_2;  // level of g in each row
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N, Kc_mun1] Xc_mun1 = X_mun1[, 2:K_mun1] - rep_matrix(means_X_mun1', N);  // centred design
  matrix[N, Kc_mun2] Xc_mun2 = X_mun2[, 2:K_mun2] - rep_matrix(means_X_mun2', N);  // centred design
}
parameters {
  vector[Kc_mun1] b_mun1;  // population-level effects of mun1
  real Intercept_mun1;  // intercept of the centred design of mun1
  vector[Kc_mun2] b_mun2;  // population-level effects of mun2
  real Intercept_mun2;  // intercept of the centred design of mun2
  vector<lower=0>[M_1] sd_1;  // standard deviations of the effects of g
  array[M_1] vector[N_1] z_1;  // standardised effects
  vector<lower=0>[M_2] sd_2;  // standard deviations of the effects of g
  array[M_2] vector[N_2] z_2;  // standardised effects
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept_mun1 | 3, 0, 2.5);
  lprior += student_t_lpdf(Intercept_mun2 | 3, 0, 2.5);
  lprior += student_t_lpdf(sd_1 | 3, 0, 2.5) - M_1 * student_t_lccdf(0 | 3, 0, 2.5);
  lprior += student_t_lpdf(sd_2 | 3, 0, 2.5) - M_2 * student_t_lccdf(0 | 3, 0, 2.5);
}
model {
  if (!prior_only) {
    // effects of g: (1 | g)
    vector[N_1] r_1 = sd_1[1] * z_1[1];
    // effects of g: (1 | g)
    vector[N_2] r_2 = sd_2[1] * z_2[1];
    vector[N] mun1 = rep_vector(Intercept_mun1, N);
    mun1 += Xc_mun1 * b_mun1;  // x
    mun1 += r_1[J_1] .* Z_1_mun1_1;  // (1 | g)
    vector[N] mun2 = rep_vector(Intercept_mun2, N);
    mun2 += Xc_mun2 * b_mun2;  // x
    mun2 += r_2[J_2] .* Z_2_mun2_1;  // (1 | g)
    for (n in 1:N) {  // cbind(n1, n2, n3) | trials(size) ~ multinomial
      target += multinomial_logit_lpmf(Y[n] | [mun1[n], mun2[n], 0]');
    }
  }
  target += lprior;
  target += std_normal_lpdf(z_1[1] |);
  target += std_normal_lpdf(z_2[1] |);
}
