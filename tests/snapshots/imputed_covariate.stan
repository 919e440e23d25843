// y ~ mi(gaps) * f + (mi(gaps) | g)
// gaps | mi() ~ x
// rescor = False
// family gaussian of y (links mu_y: identity)
// family gaussian of gaps (links mu_gaps: identity)
data {
  int<lower=0> N;  // rows of the data
  int<lower=0> N_y;  // rows
  vector[N_y] Y_y;  // response y
  int<lower=1> K_y;  // population-level columns
  int<lower=1> Kc_y;  // centred columns, without the intercept
  matrix[N_y, K_y] X_y;  // design of f
  vector[Kc_y] means_X_y;  // column means of X
  int<lower=1> Ksp_y;  // special effects
  vector[N_y] Csp_y_1;  // covariate of migaps:fmid
  vector[N_y] Csp_y_2;  // covariate of migaps:ftop
  vector[N_y] Z_1_y_1;  // Intercept of (mi(gaps) | g)
  int<lower=0> N_gaps;  // rows
  vector[N_gaps] Y_gaps;  // response gaps
  int<lower=0> Nmi_gaps;  // missing responses
  array[Nmi_gaps] int<lower=1, upper=N_gaps> Jmi_gaps;  // their rows
  int<lower=1> K_gaps;  // population-level columns
  int<lower=1> Kc_gaps;  // centred columns, without the intercept
  matrix[N_gaps, K_gaps] X_gaps;  // design of x
  vector[Kc_gaps] means_X_gaps;  // column means of X
  int<lower=1> N_1;  // levels of g
  int<lower=1> M_1;  // coefficients per level of g
  array[N_y] int<lower=1, upper=N_1> J_1_y;  // level of g in each row
  real prior_location_Intercept_y;  // location of the default prior of Intercept_y
  real<lower=0> prior_scale_Intercept_y;  // scale of the default prior of Intercept_y
  real<lower=0> prior_scale_sigma_y;  // scale of the default prior of sigma_y
  real<lower=0> prior_scale_sd_1;  // scale of the default prior of sd_1
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N_y, Kc_y] Xc_y = X_y[, 2:K_y] - rep_matrix(means_X_y', N_y);  // centred design
  matrix[N_gaps, Kc_gaps] Xc_gaps = X_gaps[, 2:K_gaps] - rep_matrix(means_X_gaps', N_gaps);  // centred design
}
parameters {
  vector[Kc_y] b_y;  // population-level effects of y
  real Intercept_y;  // intercept of the centred design of y
  vector[Ksp_y] bsp_y;  // coefficients of mi(gaps) + mi(gaps):f
  real<lower=0> sigma_y;  // sigma of the gaussian family
  vector[Nmi_gaps] Ymi_gaps;  // missing responses
  vector[Kc_gaps] b_gaps;  // population-level effects of gaps
  real Intercept_gaps;  // intercept of the centred design of gaps
  real<lower=0> sigma_gaps;  // sigma of the gaussian family
  vector<lower=0>[M_1] sd_1;  // standard deviations of the effects of g
  matrix[M_1, N_1] z_1;  // standardised effects
  cholesky_factor_corr[M_1] L_1;  // Cholesky factor of their correlations
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept_y | 3, prior_location_Intercept_y, prior_scale_Intercept_y);
  lprior += student_t_lpdf(sigma_y | 3, 0, prior_scale_sigma_y) - student_t_lccdf(0 | 3, 0, prior_scale_sigma_y);
  lprior += student_t_lpdf(Intercept_gaps | 3, 0, 2.5);
  lprior += student_t_lpdf(sigma_gaps | 3, 0, 2.5) - student_t_lccdf(0 | 3, 0, 2.5);
  lprior += student_t_lpdf(sd_1 | 3, 0, prior_scale_sd_1) - M_1 * student_t_lccdf(0 | 3, 0, prior_scale_sd_1);
  lprior += lkj_corr_cholesky_lpdf(L_1 | 1);
}
model {
  vector[N_gaps] Yl_gaps = Y_gaps;  // responses with imputed values
  Yl_gaps[Jmi_gaps] = Ymi_gaps;
  if (!prior_only) {
    // effects of g: (mi(gaps) | g)
    matrix[N_1, M_1] r_1 = transpose(diag_pre_multiply(sd_1, L_1) * z_1);
    vector[N_y] mu_y = rep_vector(Intercept_y, N_y);
    mu_y += bsp_y[1] * Yl_gaps
          + bsp_y[2] * Yl_gaps .* Csp_y_1
          + bsp_y[3] * Yl_gaps .* Csp_y_2;  // mi(gaps) + mi(gaps):f
    mu_y += r_1[J_1_y, 1] .* Z_1_y_1
          + r_1[J_1_y, 2] .* Yl_gaps;  // (mi(gaps) | g)
    target += normal_id_glm_lpdf(Y_y | Xc_y, mu_y, b_y, sigma_y);  // y ~ gaussian, where Xc_y * b_y is f
    target += normal_id_glm_lpdf(Yl_gaps | Xc_gaps, Intercept_gaps, b_gaps, sigma_gaps);  // gaps | mi() ~ gaussian, where Xc_gaps * b_gaps is x
  }
  target += lprior;
  target += std_normal_lpdf(to_vector(z_1) |);
}
