// rating ~ x + f + (1 | g)
// family cumulative (links mu: logit)
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
  int<lower=0> N;  // rows
  array[N] int Y;  // response rating
  int<lower=1> nthres;  // thresholds
  int<lower=1> K;  // population-level columns
  int<lower=1> Kc;  // centred columns, all centred
  matrix[N, K] X;  // design of x + f
  vector[Kc] means_X;  // column means of X
  vector[N] Z_1_1;  // Intercept of (1 | g)
  int<lower=1> N_1;  // levels of g
  int<lower=1> M_1;  // coefficients per level of g
  array[N] int<lower=1, upper=N_1> J_1;  // level of g in each row
  int<lower=0, upper=1> prior_only;  // 1: leave out the likelihood
}
transformed data {
  matrix[N, Kc] Xc = X - rep_matrix(means_X', N);  // centred design
}
parameters {
  ordered[nthres] Intercept;  // thresholds
  vector[Kc] b;  // population-level effects
  vector<lower=0>[M_1] sd_1;  // standard deviations of the effects of g
  array[M_1] vector[N_1] z_1;  // standardised effects
}
transformed parameters {
  real lprior = 0;  // log prior of everything but the standardised effects
  lprior += student_t_lpdf(Intercept | 3, 0, 2.5);
  lprior += student_t_lpdf(sd_1 | 3, 0, 2.5) - M_1 * student_t_lccdf(0 | 3, 0, 2.5);
}
model {
  if (!prior_only) {
    // effects of g: (1 | g)
    vector[N_1] r_1 = sd_1[1] * z_1[1];
    vector[N] mu = Xc * b;  // x + f
    mu += r_1[J_1] .* Z_1_1;  // (1 | g)
    target += cumulative_logit_lpmf(Y | mu, Intercept);  // rating ~ cumulative
  }
  target += lprior;
  target += std_normal_lpdf(z_1[1] |);
}
