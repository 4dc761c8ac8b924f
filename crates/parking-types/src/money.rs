//! Exact amounts of money and their currencies.

use core::{fmt, iter::Sum, str::FromStr};

/// An exact amount of money in millionths of a currency unit; may be negative (a cap's line).
///
/// No arithmetic rounds or wraps: what would leave the range is `None`.
///
/// ```
/// use parking_types::{Amount, Currency};
/// let hour: Amount = "1.50".parse()?;
/// let cny = Currency::parse("CNY").unwrap();
/// assert_eq!(hour.checked_mul(3).unwrap().in_currency(cny).to_string(), "4.50");
/// assert_eq!("0.005".parse::<Amount>()?.in_currency(cny).to_string(), "0.005");
/// # Ok::<(), parking_types::AmountError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Amount(i64);

/// Why a text is no [`Amount`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AmountError {
    /// Not digits with at most one point between them.
    Malformed,
    /// More than six decimals.
    TooFine,
    /// More than about 9.2 × 10^12.
    OutOfRange,
}

/// An ISO 4217 currency.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency {
    code: [u8; 3],
    decimals: u8,
}

/// The text is no ISO 4217 code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CurrencyError;

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// How many decimals an amount can have.
    pub const DECIMALS: u32 = 6;

    /// From millionths of the currency's unit.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }
    /// Millionths of the currency's unit.
    pub const fn as_micros(self) -> i64 {
        self.0
    }
    /// The sum, or `None` outside the range.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }
    /// The difference, or `None` outside the range.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Some(Self(difference)),
            None => None,
        }
    }
    /// The product with a whole number, or `None` outside the range.
    pub const fn checked_mul(self, n: i64) -> Option<Self> {
        match self.0.checked_mul(n) {
            Some(product) => Some(Self(product)),
            None => None,
        }
    }
    /// The sum, held at the end of the range: for figures that are shown, never for what is charged.
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
    /// The difference, held at the end of the range: for figures that are shown, never for what is charged.
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
    /// The amount, or zero when it is negative.
    pub const fn at_least_zero(self) -> Self {
        if self.0 < 0 { Self::ZERO } else { self }
    }
    /// A value that prints with at least the currency's decimals (`7.00`), more where the amount has them.
    pub const fn in_currency(self, currency: Currency) -> InCurrency {
        InCurrency { amount: self, decimals: currency.decimals }
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Self::saturating_add)
    }
}

impl FromStr for Amount {
    type Err = AmountError;
    /// Reads digits with at most one point between them; no sign, no exponent, no blanks.
    fn from_str(text: &str) -> Result<Self, AmountError> {
        let (whole, decimals) = match text.split_once('.') {
            None => (text, ""),
            Some((_, "")) => return Err(AmountError::Malformed),
            Some(parts) => parts,
        };
        if whole.is_empty() || !whole.bytes().chain(decimals.bytes()).all(|b| b.is_ascii_digit()) {
            return Err(AmountError::Malformed);
        }
        if decimals.len() > Self::DECIMALS as usize {
            return Err(AmountError::TooFine);
        }
        let shown = whole.bytes().chain(decimals.bytes()).chain(core::iter::repeat(b'0'));
        shown
            .take(whole.len() + Self::DECIMALS as usize)
            .try_fold(0i64, |sum, b| sum.checked_mul(10)?.checked_add(i64::from(b - b'0')))
            .map(Self)
            .ok_or(AmountError::OutOfRange)
    }
}

fn write_decimal(f: &mut fmt::Formatter<'_>, amount: Amount, least_decimals: u8) -> fmt::Result {
    let micros = amount.0.unsigned_abs();
    let (whole, mut decimals, mut width) = (micros / 1_000_000, micros % 1_000_000, 6usize);
    while width > usize::from(least_decimals) && decimals % 10 == 0 {
        decimals /= 10;
        width -= 1;
    }
    let sign = if amount.0 < 0 { "-" } else { "" };
    match width {
        0 => write!(f, "{sign}{whole}"),
        _ => write!(f, "{sign}{whole}.{decimals:0width$}"),
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_decimal(f, *self, 0)
    }
}

/// An [`Amount`] that prints with its currency's decimals; made by [`Amount::in_currency`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InCurrency {
    pub(crate) amount: Amount,
    pub(crate) decimals: u8,
}

impl fmt::Display for InCurrency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_decimal(f, self.amount, self.decimals)
    }
}

impl Currency {
    /// The currency with this three-letter code.
    ///
    /// # Errors
    /// [`CurrencyError`] when ISO 4217 lists no such currency in use.
    pub fn parse(code: &str) -> Result<Self, CurrencyError> {
        let raw: [u8; 3] = code.as_bytes().try_into().map_err(|_| CurrencyError)?;
        let listed = |codes: &str| codes.split(' ').any(|listed| listed == code);
        let decimals = match () {
            () if listed(NO_DECIMALS) => 0,
            () if listed(TWO_DECIMALS) => 2,
            () if listed(THREE_DECIMALS) => 3,
            () => return Err(CurrencyError),
        };
        Ok(Self { code: raw, decimals })
    }
    /// The three-letter code.
    pub fn code(&self) -> &str {
        core::str::from_utf8(&self.code).unwrap_or("")
    }
    /// How many decimals its minor unit has.
    pub const fn decimals(self) -> u8 {
        self.decimals
    }
    /// One minor unit: 0.01 for CNY, 1 for JPY.
    pub const fn minor_unit(self) -> Amount {
        match self.decimals {
            0 => Amount(1_000_000),
            2 => Amount(10_000),
            _ => Amount(1000),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

// ISO 4217 list one, currencies with a minor unit; funds codes and precious metals left out.
const NO_DECIMALS: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF";
const THREE_DECIMALS: &str = "BHD IQD JOD KWD LYD OMR TND";
const TWO_DECIMALS: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN \
BZD CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG \
HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN \
MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP \
STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG";

impl fmt::Display for AmountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not an amount such as \"3\" or \"3.50\"",
            Self::TooFine => "an amount with more than six decimals",
            Self::OutOfRange => "an amount out of range",
        })
    }
}
impl core::error::Error for AmountError {}

impl fmt::Display for CurrencyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an ISO 4217 currency code")
    }
}
impl core::error::Error for CurrencyError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts() {
        assert_eq!("0.23".parse::<Amount>(), Ok(Amount::from_micros(230_000)));
        for bad in ["", ".5", "5.", "-1", "+1", "1e3", "1,0", " 1", "1.2.3", "١"] {
            assert_eq!(bad.parse::<Amount>(), Err(AmountError::Malformed), "{bad}");
        }
        assert_eq!("0.1234567".parse::<Amount>(), Err(AmountError::TooFine));
        assert_eq!("9223372036855".parse::<Amount>(), Err(AmountError::OutOfRange));
    }

    #[test]
    fn currencies_print_their_minor_unit() {
        let print = |code, micros| {
            Amount::from_micros(micros).in_currency(Currency::parse(code).unwrap()).to_string()
        };
        assert_eq!(print("CNY", -7_000_000), "-7.00");
        assert_eq!(print("JPY", 800_000_000), "800");
        assert_eq!(print("JPY", 500_000), "0.5");
        assert_eq!(print("KWD", 1), "0.000001");
        for bad in ["cny", "XXX", "EURO", "", "XAU", "AB "] {
            assert_eq!(Currency::parse(bad), Err(CurrencyError), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn amounts_print_and_parse(micros in 0i64..) {
            let amount = Amount::from_micros(micros);
            prop_assert_eq!(amount.to_string().parse::<Amount>(), Ok(amount));
        }

        #[test]
        fn sums_are_exact_or_refused(a in any::<i64>(), b in any::<i64>()) {
            let (sum, exact) = (Amount::from_micros(a).checked_add(Amount::from_micros(b)), i128::from(a) + i128::from(b));
            prop_assert_eq!(sum.map(|s| i128::from(s.as_micros())), i64::try_from(exact).ok().map(i128::from));
        }

        #[test]
        fn no_text_panics(text in ".{0,30}") {
            let _ = (text.parse::<Amount>(), Currency::parse(&text));
        }
    }
}
