// count ~ 1 + (1 | g) + (1 | h)
// family poisson (links mu: log)
data {
  int<lower=0> N;  // rows
  array[N] int Y;  // response count
  vector[N] Z_1_1;  // Intercept of (1 | g)
  vector[N] Z_2_1;  // Intercept of (1 | h)
  int<lower=1> N_2;  // levels of h
  int<lower=1> M_2;  // coefficients per level of h
  array[N] int<lower=1, upper=N_2> J_2;  // level of h in each row
  array[M_2] vector<lower=0, upper=1>[N_2] w_2;  // how far effects are centred: 0 standardised, 1 the effects themselves
  int<lower=1> N_1;  // levels of g
  int<lower=1> M_1;  // coefficients per level of g
  array[N] int<lower=1, upper=N_1> J_1;  // level of g in each row
  array[M_1] vector<lower=0, upper=1>[N_1] w_1;  // how far effects are centred: 0 standardised, 1 the effects themselves
  array[M_1] matrix[N_1, N_2] shift_1_r_2_1;  // change of the effects of g with r_2_1
  vector[N_2] near_1_r_2_1;  // a value near r_2_1
  real prior_location_Intercept;  // location of the default prior of Intercept
  real<lower=0> prior_scale_Intercept;  // scale of the default prior of Intercept
  real<lower=0> prior_scale_sd_1;  // scale of the default prior of sd_1
  real<lower=0> prior_scale_sd_2;  // scale of the default prior of sd_2
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
parameters {
  real Intercept;  // intercept
  vector<lower=0>[M_1] sd_1;  // standard deviations of the effects of g
  array[M_1] vector[N_1] v_1;  // effects, centred as far as the data tell of them
  vector<lower=0>[M_2] sd_2;  // standard deviations of the effects of h
  array[M_2] vector[N_2] v_2;  // effects, centred as far as the data tell of them
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept | 3, prior_location_Intercept, prior_scale_Intercept);
  lprior += student_t_lpdf(sd_1 | 3, 0, prior_scale_sd_1) - M_1 * student_t_lccdf(0 | 3, 0, prior_scale_sd_1);
  lprior += student_t_lpdf(sd_2 | 3, 0, prior_scale_sd_2) - M_2 * student_t_lccdf(0 | 3, 0, prior_scale_sd_2);
}
model {
  // effects of h: (1 | h), centred as far as the data tell of them
  vector[N_2] r_2 = pow(sd_2[1], 1 - w_2[1]) .* v_2[1];
  target += normal_lpdf(r_2 | 0, sd_2[1]) + sum(1 - w_2[1]) * log(sd_2[1]);
  // effects of g: (1 | g), centred as far as the data tell of them
  vector[N_1] r_1 = pow(sd_1[1], 1 - w_1[1]) .* v_1[1] + shift_1_r_2_1[1] * (r_2 - near_1_r_2_1);
  target += normal_lpdf(r_1 | 0, sd_1[1]) + sum(1 - w_1[1]) * log(sd_1[1]);
  if (!prior_only) {
    vector[N] mu = rep_vector(Intercept, N);
    mu += r_1[J_1] .* Z_1_1;  // (1 | g)
    mu += r_2[J_2] .* Z_2_1;  // (1 | h)
    target += poisson_log_lpmf(Y | mu);  // count ~ poisson
  }
  target += lprior;
}
