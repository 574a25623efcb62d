/**
 * How likely a normally distributed value is to lie under `z` standard deviations above its mean: Φ(z). The complementary error
 * function behind it is a Chebyshev fit with a relative error of 1.2e-7 everywhere (Press et al., Numerical Recipes, "erfcc").
 * @returns 0 to 1.
 */
export function normalBelow(z: number): number {
  const x = Math.abs(z) * Math.SQRT1_2;
  const t = 1 / (1 + 0.5 * x);
  const series =
    -1.26551223 +
    t *
      (1.00002368 +
        t *
          (0.37409196 +
            t *
              (0.09678418 +
                t *
                  (-0.18628806 +
                    t * (0.27886807 + t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277))))))));
  const tail = 0.5 * t * Math.exp(-x * x + series);
  return z > 0 ? 1 - tail : tail;
}
