//! The currencies of ISO 4217 that are in use (list one, with the units of account and precious metals).

/// The codes, ascending.
const CODES: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE \
    CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD \
    HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA \
    MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB \
    RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI \
    UYU UYW UZS VED VES VND VUV WST XAD XAF XAG XAU XBA XBB XBC XBD XCD XCG XDR XOF XPD XPF XPT XSU XTS XUA XXX YER ZAR ZMW \
    ZWG";

/// Tells whether a text is the code of a currency.
pub(super) fn is_code(text: &str) -> bool {
    text.len() == 3 && CODES.split_whitespace().any(|code| code == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_currency_is_a_code_in_use() {
        for code in ["UGX", "CDF", "USD", "EUR", "KES", "RWF", "TZS", "AED", "ZWG"] {
            assert!(is_code(code), "{code}");
        }
        for other in ["", "UG", "UGXX", "ugx", "UGS", "AED AFN", "ZRN", " UGX", "$"] {
            assert!(!is_code(other), "{other}");
        }
        assert!(CODES.split_whitespace().is_sorted() && CODES.split_whitespace().all(|code| code.len() == 3));
    }
}
