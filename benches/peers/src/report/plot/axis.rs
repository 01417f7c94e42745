//! From figures to places.

/// An axis, linear from zero or logarithmic.
pub(super) struct Axis {
    low: f64,
    high: f64,
    is_logarithmic: bool,
    /// Where `low` and `high` are drawn.
    from: f64,
    to: f64,
}

impl Axis {
    /// From zero to a round number above all figures.
    pub(super) fn linear(figures: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let most = figures.fold(f64::MIN_POSITIVE, f64::max);
        let step = step(most);
        Self {
            low: 0.0,
            high: (most / step).ceil() * step,
            is_logarithmic: false,
            from,
            to,
        }
    }

    /// Between two of the figures 1, 2 and 5, of whatever power of ten.
    pub(super) fn logarithmic(figures: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let (least, most) = figures.fold((f64::MAX, f64::MIN_POSITIVE), |(low, high), figure| {
            (low.min(figure), high.max(figure))
        });
        let least = least.min(most);
        let round = || (-9..12).flat_map(|decade| [1.0, 2.0, 5.0].map(|n| n * 10f64.powi(decade)));
        Self {
            low: round().take_while(|n| *n <= least).last().unwrap_or(least),
            high: round().find(|n| *n >= most).unwrap_or(most),
            is_logarithmic: true,
            from,
            to,
        }
    }

    /// Between two figures, logarithmic.
    pub(super) fn between(low: f64, high: f64, from: f64, to: f64) -> Self {
        Self {
            low,
            high,
            is_logarithmic: true,
            from,
            to,
        }
    }

    pub(super) fn place(&self, figure: f64) -> f64 {
        let part = match self.is_logarithmic {
            true => (figure / self.low).ln() / (self.high / self.low).ln(),
            false => (figure - self.low) / (self.high - self.low),
        };
        self.from + part * (self.to - self.from)
    }

    pub(super) fn ticks(&self) -> Vec<f64> {
        if self.is_logarithmic {
            let is_within = |tick: &f64| (self.low * 0.999..self.high * 1.001).contains(tick);
            let ticks = (-9..12).map(|decade| 10f64.powi(decade));
            let decades = (self.high / self.low).log10();
            return match decades > 3.0 {
                true => ticks.filter(is_within).collect(),
                false => {
                    let ticks = ticks.flat_map(|tick| [1.0, 2.0, 5.0].map(|n| n * tick));
                    ticks.filter(is_within).collect()
                }
            };
        }
        let step = step(self.high);
        let count = (self.high / step).round() as u32;
        (0..=count).map(|tick| f64::from(tick) * step).collect()
    }
}

/// A round number that goes some 4 to 8 times into the most.
fn step(most: f64) -> f64 {
    let decade = 10f64.powf((most / 4.0).log10().floor());
    let steps = [5.0, 2.0, 1.0].map(|factor| factor * decade);
    steps
        .into_iter()
        .find(|step| most / step >= 4.0)
        .unwrap_or(decade)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_axis_ends_at_a_round_number_above_all_figures() {
        let axis = Axis::linear([3.0, 873.0].into_iter(), 100.0, 0.0);
        assert_eq!(axis.ticks(), [0.0, 200.0, 400.0, 600.0, 800.0, 1000.0]);
        assert_eq!((axis.place(0.0), axis.place(1000.0)), (100.0, 0.0));
    }

    #[test]
    fn logarithmic_axis_has_ticks_at_1_2_and_5() {
        let axis = Axis::logarithmic([2.5, 81.0].into_iter(), 0.0, 3.0);
        let ticks: Vec<_> = axis.ticks().into_iter().map(f64::round).collect();
        assert_eq!(ticks, [2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
        assert!((axis.place(axis.ticks()[0])).abs() < 1e-9);
    }

    #[test]
    fn long_logarithmic_axis_has_a_tick_per_power_of_ten() {
        let axis = Axis::logarithmic([45.0, 210_000.0].into_iter(), 0.0, 3.0);
        let ticks: Vec<_> = axis.ticks().into_iter().map(f64::round).collect();
        assert_eq!(ticks, [100.0, 1000.0, 10_000.0, 100_000.0]);
    }
}
