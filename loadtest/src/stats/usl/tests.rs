use super::*;

/// The benchmark of a Cisco UCS server that Baron Schwartz published in "Practical Scalability Analysis with the
/// Universal Scalability Law", with the fit that he gives.
const PUBLISHED: [f64; 32] = [
    955.16, 1878.91, 2688.01, 3548.68, 4315.54, 5130.43, 5931.37, 6531.08, 7219.8, 7867.61, 8278.71, 8646.7, 9047.84,
    9426.55, 9645.37, 9897.24, 10097.6, 10240.5, 10532.39, 10798.52, 11151.43, 11518.63, 11806.0, 12089.37, 12075.41,
    12177.29, 12211.41, 12158.93, 12155.27, 12118.04, 12140.4, 12074.39,
];

fn published() -> Vec<Point> {
    let place =
        |(place, throughput): (usize, &f64)| Point { concurrency: float(place as u64 + 1), throughput: *throughput };
    PUBLISHED.iter().enumerate().map(place).collect()
}

fn close(found: f64, known: f64) -> bool {
    (found - known).abs() <= known.abs() * 1e-4
}

#[test]
fn the_published_points_give_the_published_fit() {
    let fit = Fit::of(&published(), 1).expect("a fit");
    let Model { lambda, sigma, kappa } = fit.model;
    assert!(close(lambda, 995.6486), "λ {lambda}");
    assert!(close(sigma, 0.026_715_91), "σ {sigma}");
    assert!(close(kappa, 7.690_945e-4), "κ {kappa}");
    let (at, peak) = fit.peak().expect("a peak just above what was measured");
    assert!((35.0..36.0).contains(&at), "{at}");
    assert!(close(peak.throughput, 12_341.75), "{peak:?}");
    assert!(peak.interval.low < 12_341.0 && peak.interval.high > 12_342.0, "{peak:?}");
    for (interval, value) in [(fit.lambda, lambda), (fit.sigma, sigma), (fit.kappa, kappa)] {
        assert!(interval.low < value && value < interval.high, "{interval:?} around {value}");
        assert!(interval.high - interval.low < value, "{interval:?} around {value}");
    }
    assert!(fit.r_squared > 0.99, "{}", fit.r_squared);
}

#[test]
fn exact_points_give_their_own_curve() {
    let known = Model { lambda: 40.0, sigma: 0.06, kappa: 0.0005 };
    let point = |n: f64| Point { concurrency: n, throughput: known.throughput(n) };
    let points: Vec<Point> = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0].map(point).into();
    let fit = Fit::of(&points, 1).expect("a fit");
    for (found, known) in
        [(fit.model.lambda, known.lambda), (fit.model.sigma, known.sigma), (fit.model.kappa, known.kappa)]
    {
        assert!(close(found, known), "{found} for {known}");
    }
}

#[test]
fn a_prediction_that_the_points_do_not_support_is_refused() {
    let fit = Fit::of(&published(), 1).expect("a fit");
    fit.predict(32.0).expect("measured");
    fit.predict(40.0).expect("just beyond");
    let refused = fit.predict(65.0).expect_err("twice as far");
    assert!(refused.to_string().contains("measured up to 32"), "{refused}");
    // A straight line has no peak, whatever its noise.
    let straight = |n: u32| Point { concurrency: f64::from(n), throughput: f64::from(n) * 100.0 + f64::from(n % 3) };
    let fit = Fit::of(&(1..=10).map(straight).collect::<Vec<_>>(), 1).expect("a fit");
    fit.peak().expect_err("it only ever grows");
}

/// The interval of σ was 0.003 to 1,868,097,941.
#[test]
fn residuals_of_high_loads_do_not_make_low_ones_negative() {
    // As the search for capacity measured them.
    let measured = [
        (1.0, 3_900.0),
        (2.0, 5_200.0),
        (4.0, 10_000.0),
        (8.0, 16_100.0),
        (16.0, 28_500.0),
        (32.0, 36_900.0),
        (64.0, 46_500.0),
        (100.0, 53_000.0),
        (200.0, 85_000.0),
        (400.0, 118_000.0),
        (800.0, 116_500.0),
        (1_600.0, 176_300.0),
    ];
    let points = measured.map(|(concurrency, throughput)| Point { concurrency, throughput });
    let fit = Fit::of(&points, 1).expect("a fit");
    assert!(fit.sigma.high < 1.0, "{:?}", fit.sigma);
}

#[test]
fn seven_points_are_too_few() {
    assert_eq!(Fit::of(&published()[..7], 1), Err(Error::TooFew(7)));
    let twice: Vec<Point> = published()[..7].iter().chain(&published()[..7]).copied().collect();
    assert_eq!(Fit::of(&twice, 1), Err(Error::TooFew(7)));
}
