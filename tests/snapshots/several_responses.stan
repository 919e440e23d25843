// count ~ x + (1 |p| g)
// shape ~ z
// rating ~ x + z
// y | subset(flag) ~ x + (x |p| g)
// family negbinomial of count (links mu_count: log, shape_count: log)
// family cumulative of rating (links mu_rating: logit)
// family gaussian of y (links mu_y: identity)
functions {
  /* Cumulative model with logit link, all rows at once.
   * Args:
   *   y: categories, 1 .. T + 1
   *   mu: linear predictors
   *   c: the T thresholds
   * With logistic F and a > b, F(a) - F(b) = F(a) (1 - F(b)) (1 - exp(b - a)), where a - b is the
   * same for all rows of a category.
   */
  real cumulative_logit_lpmf(array[] int y, vector mu, vector c) {
    int n = num_elements(y);
    int last = num_elements(c) + 1;
    array[n] int below;  // rows with a threshold above them
    array[n] int above;  // rows with a threshold below them
    array[n] int floors;  // which one
    vector[last] inner = rep_vector(0, last);  // rows with both, by category
    int i = 0;
    int j = 0;
    for (k in 1:n) {
      if (y[k] < last) {
        i += 1;
        below[i] = k;
      }
      if (y[k] > 1) {
        j += 1;
        above[j] = k;
        floors[j] = y[k] - 1;
      }
      if (y[k] > 1 && y[k] < last) {
        inner[y[k]] += 1;
      }
    }
    return bernoulli_logit_lpmf(1 | c[y[below[1:i]]] - mu[below[1:i]])
      + bernoulli_logit_lpmf(1 | mu[above[1:j]] - c[floors[1:j]])
      + dot_product(inner[2:(last - 1)], log1m_exp(c[1:(last - 2)] - c[2:(last - 1)]));
  }
}
data {
  int<lower=0> N;  // rows of the data
  int<lower=0> N_count;  // rows
  array[N_count] int Y_count;  // response count
  int<lower=1> K_count;  // population-level columns
  int<lower=1> Kc_count;  // centred columns, without the intercept
  matrix[N_count, K_count] X_count;  // design of x
  vector[Kc_count] means_X_count;  // column means of X
  vector[N_count] Z_1_count_1;  // Intercept of (1 |p| g)
  int<lower=1> K_shape_count;  // population-level columns
  int<lower=1> Kc_shape_count;  // centred columns, without the intercept
  matrix[N_count, K_shape_count] X_shape_count;  // design of z
  vector[Kc_shape_count] means_X_shape_count;  // column means of X
  int<lower=0> N_rating;  // rows
  array[N_rating] int Y_rating;  // response rating
  int<lower=1> nthres_rating;  // thresholds
  int<lower=1> K_rating;  // population-level columns
  int<lower=1> Kc_rating;  // centred columns, all centred
  matrix[N_rating, K_rating] X_rating;  // design of x + z
  vector[Kc_rating] means_X_rating;  // column means of X
  int<lower=0> N_y;  // rows
  vector[N_y] Y_y;  // response y
  int<lower=1> K_y;  // population-level columns
  int<lower=1> Kc_y;  // centred columns, without the intercept
  matrix[N_y, K_y] X_y;  // design of x
  vector[Kc_y] means_X_y;  // column means of X
  vector[N_y] Z_1_y_2;  // Intercept of (x |p| g)
  vector[N_y] Z_1_y_3;  // x of (x |p| g)
  int<lower=1> N_1;  // levels of g
  int<lower=1> M_1;  // coefficients per level of g
  array[N_count] int<lower=1, upper=N_1> J_1_count;  // level of g in each row
  array[N_y] int<lower=1, upper=N_1> J_1_y;  // level of g in each row
  real prior_location_Intercept_count;  // location of the default prior of Intercept_count
  real<lower=0> prior_scale_Intercept_count;  // scale of the default prior of Intercept_count
  real prior_location_Intercept_y;  // location of the default prior of Intercept_y
  real<lower=0> prior_scale_Intercept_y;  // scale of the default prior of Intercept_y
  real<lower=0> prior_scale_sigma_y;  // scale of the default prior of sigma_y
  vector<lower=0>[M_1] prior_scale_sd_1;  // scale of the default prior of sd_1
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N_count, Kc_count] Xc_count = X_count[, 2:K_count] - rep_matrix(means_X_count', N_count);  // centred design
  matrix[N_count, Kc_shape_count] Xc_shape_count = X_shape_count[, 2:K_shape_count] - rep_matrix(means_X_shape_count', N_count);  // centred design
  matrix[N_rating, Kc_rating] Xc_rating = X_rating - rep_matrix(means_X_rating', N_rating);  // centred design
  matrix[N_y, Kc_y] Xc_y = X_y[, 2:K_y] - rep_matrix(means_X_y', N_y);  // centred design
}
parameters {
  vector[Kc_count] b_count;  // population-level effects of count
  real Intercept_count;  // intercept of the centred design of count
  vector[Kc_shape_count] b_shape_count;  // population-level effects of shape_count
  real Intercept_shape_count;  // intercept of the centred design of shape_count
  ordered[nthres_rating] Intercept_rating;  // thresholds
  vector[Kc_rating] b_rating;  // population-level effects of rating
  vector[Kc_y] b_y;  // population-level effects of y
  real Intercept_y;  // intercept of the centred design of y
  real<lower=0> sigma_y;  // sigma of the gaussian family
  vector<lower=0>[M_1] sd_1;  // standard deviations of the effects of g
  matrix[M_1, N_1] z_1;  // standardised effects
  cholesky_factor_corr[M_1] L_1;  // Cholesky factor of their correlations
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept_count | 3, prior_location_Intercept_count, prior_scale_Intercept_count);
  lprior += student_t_lpdf(Intercept_shape_count | 3, 0, 2.5);
  lprior += student_t_lpdf(Intercept_rating | 3, 0, 2.5);
  lprior += student_t_lpdf(Intercept_y | 3, prior_location_Intercept_y, prior_scale_Intercept_y);
  lprior += student_t_lpdf(sigma_y | 3, 0, prior_scale_sigma_y) - student_t_lccdf(0 | 3, 0, prior_scale_sigma_y);
  lprior += student_t_lpdf(sd_1 | 3, 0, prior_scale_sd_1) - student_t_lccdf(rep_vector(0, M_1) | 3, 0, prior_scale_sd_1);
  lprior += lkj_corr_cholesky_lpdf(L_1 | 1);
}
model {
  if (!prior_only) {
    // effects of g: (1 |p| g), (x |p| g)
    matrix[N_1, M_1] r_1 = transpose(diag_pre_multiply(sd_1, L_1) * z_1);
    vector[N_count] mu_count = rep_vector(Intercept_count, N_count);
    mu_count += Xc_count * b_count;  // x
    mu_count += r_1[J_1_count, 1] .* Z_1_count_1;  // (1 |p| g)
    vector[N_count] shape_count = rep_vector(Intercept_shape_count, N_count);
    shape_count += Xc_shape_count * b_shape_count;  // z
    shape_count = exp(shape_count);
    target += neg_binomial_2_log_lpmf(Y_count | mu_count, shape_count);  // count ~ negbinomial
    vector[N_rating] mu_rating = Xc_rating * b_rating;  // x + z
    target += cumulative_logit_lpmf(Y_rating | mu_rating, Intercept_rating);  // rating ~ cumulative
    vector[N_y] mu_y = rep_vector(Intercept_y, N_y);
    mu_y += r_1[J_1_y, 2] .* Z_1_y_2
          + r_1[J_1_y, 3] .* Z_1_y_3;  // (x |p| g)
    target += normal_id_glm_lpdf(Y_y | Xc_y, mu_y, b_y, sigma_y);  // y | subset(flag) ~ gaussian, where Xc_y * b_y is x
  }
  target += lprior;
  target += std_normal_lpdf(to_vector(z_1) |);
}
