//! Whose terms an enterprise's bound numbers are under (row R03): the platform's, or those of an operator's desk, where a
//! handful of local landlines is all and the enterprise changes nothing itself.

use hotline::TenantId;
use hotline::enterprise::{Author, CarrierProfile, write};
use hotline::region::RegionTable;
use serde::{Deserialize, Serialize};

use super::enterprises::check_under;
use super::refusal::Problem;
use super::{Code, Desk, Outcome, Refusal};

/// The setting that names the terms of an enterprise.
const TERMS: &str = "carrier_profile";

/// Look at the terms of an enterprise, or put it under others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Carrier {
    /// The enterprise.
    pub tenant: TenantId,
    /// Its terms from now on; as they are if absent.
    #[serde(default)]
    pub terms: Option<CarrierProfile>,
    /// Who asks.
    pub by: String,
}

/// The terms of an enterprise.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Terms {
    /// The enterprise.
    pub tenant: TenantId,
    /// What it is under.
    #[serde(flatten)]
    pub terms: CarrierProfile,
}

/// Shows the terms of an enterprise, after putting it under those asked for.
///
/// # Errors
/// The enterprise is not there, asks by itself, or has bound what those terms do not bear; nobody has the area code.
pub async fn carrier(desk: &Desk, asked: &Carrier) -> Outcome<Terms> {
    let tenant = asked.tenant.clone();
    let stored = desk.enterprise(&tenant).await?;
    let Some(terms) = &asked.terms else {
        return Ok(Terms { terms: of(desk, &tenant).await?, tenant });
    };
    if desk.author == Author::Enterprise {
        return Err(Refusal::new(
            Code::NoSelfChange,
            "运营商的规定由服务商设置",
            "the provider says whose terms an enterprise is under",
        ));
    }
    if let CarrierProfile::OperatorDesk { area_code } = terms
        && RegionTable::shipped().area_code(area_code) != Some(area_code.as_str())
    {
        return Err(Refusal::invalid(
            format!("没有区号 {area_code}"),
            format!("nobody has the area code {area_code}"),
        ));
    }
    if let Err(problems) = check_under(desk, &write(&stored.enterprise), terms.clone()).await? {
        let mut refusal = Refusal::new(
            Code::OperatorDesk,
            "该企业现在的配置不符合这个运营商的规定，没有任何改动",
            "what the enterprise has now is not within these terms; nothing was changed",
        );
        refusal.problems = problems.iter().map(Problem::of).collect();
        return Err(refusal);
    }
    let text = serde_json::to_string(terms).map_err(Refusal::bad_request)?;
    desk.store.put_setting(&tenant, TERMS, &text, &desk.change(&asked.by)).await?;
    Ok(Terms { tenant, terms: terms.clone() })
}

/// The terms of an enterprise; the platform's unless said.
pub(super) async fn of(desk: &Desk, tenant: &TenantId) -> Outcome<CarrierProfile> {
    let text = desk.store.setting(tenant, TERMS).await?;
    let read = |text: String| serde_json::from_str(&text).map_err(Refusal::bad_request);
    text.map_or_else(|| Ok(CarrierProfile::default()), read)
}

/// Whether whoever sits at this desk may change the enterprise's document.
///
/// # Errors
/// It is the enterprise, and its carrier changes at the operator's desk only.
pub(super) async fn may_change(desk: &Desk, tenant: &TenantId) -> Outcome<()> {
    if of(desk, tenant).await?.permits(desk.author) {
        return Ok(());
    }
    Err(Refusal::new(
        Code::NoSelfChange,
        format!("{tenant} 的号码在运营商柜台办理，不能自行修改，请联系服务商"),
        format!(
            "{tenant} has its numbers from an operator's desk and changes nothing itself; ask the provider"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use store::Store;

    use super::super::enterprises::{Import, Imported, import};
    use super::*;

    /// A desk of the provider's on a database of the test's own.
    async fn provider(name: &str) -> Desk {
        let data = std::env::temp_dir().join(format!("sibai-carrier-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&data);
        std::fs::create_dir_all(&data).expect("made");
        let store = Store::open(&format!("sqlite:{}", data.join("db").display())).await.expect("opened");
        store.migrate().await.expect("tables");
        let change = store::Change { by: "shipped".into(), at: hotline::Wall(1_790_000_000_000) };
        super::super::provider::ensure_shipped(&store, &change).await.expect("plans");
        let recordings =
            crate::archive::Archive { dir: data.join("recordings"), master: None, keys_copy: None };
        let speaker = Default::default();
        Desk { store, recordings, data, speaker, live: None, author: Author::Provider }
    }

    async fn imports(desk: &Desk, numbers: &[&str]) -> Outcome<Imported> {
        let line =
            |(place, number): (usize, &&str)| format!("      - {{name: d{place}, number: {number}}}\n");
        let lines: String = numbers.iter().enumerate().map(line).collect();
        let text = format!(
            "sibai: 1\nenterprise: {{id: acme, name: Acme}}\nplan: T1\nnumbers:\n  - number: 4006000001\n    \
             destinations:\n{lines}    otherwise: {{dial: d0}}\n"
        );
        import(desk, &Import { text, apply: true, by: "tester".into() }).await
    }

    async fn put_under(desk: &Desk, terms: CarrierProfile) -> Outcome<Terms> {
        carrier(desk, &Carrier { tenant: TenantId::new("acme"), terms: Some(terms), by: "tester".into() })
            .await
    }

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(test);
    }

    #[test]
    fn r03_at_the_operators_desk_three_things_are_refused_that_the_platform_does() {
        run(async {
            let desk = provider("three").await;
            let itself = Desk { author: Author::Enterprise, ..desk.clone() };
            let code =
                |done: Outcome<Imported>| done.map_err(|refusal| refusal.code).map(|done| done.version);
            let three = ["010-62345601", "010-62345602", "010-62345603"];
            let four = [&three[..], &["010-62345604"]].concat();
            let mobile = ["010-62345601", "13911112222"];
            let other = ["010-62345609"];
            assert_eq!(code(imports(&desk, &three).await), Ok(1));
            let terms = CarrierProfile::OperatorDesk { area_code: "010".into() };
            put_under(&desk, terms.clone()).await.expect("three landlines of Beijing are within its terms");
            assert_eq!(of(&desk, &TenantId::new("acme")).await, Ok(terms.clone()));

            assert_eq!(code(imports(&desk, &four).await), Err(Code::OperatorDesk));
            assert_eq!(code(imports(&desk, &mobile).await), Err(Code::OperatorDesk));
            assert_eq!(code(imports(&itself, &other).await), Err(Code::NoSelfChange));
            let refused = put_under(&itself, CarrierProfile::Platform).await;
            assert_eq!(refused.map_err(|refusal| refusal.code).err(), Some(Code::NoSelfChange));
            assert!(
                desk.store.limit_requests(None).await.expect("asked").is_empty(),
                "no limit to be raised"
            );
            assert_eq!(code(imports(&desk, &other).await), Ok(2), "the provider's staff changes it");

            put_under(&desk, CarrierProfile::Platform).await.expect("moved");
            assert_eq!(code(imports(&itself, &four).await), Ok(3));
            assert_eq!(code(imports(&itself, &mobile).await), Ok(4));
            let back = put_under(&desk, terms).await.expect_err("a mobile is bound");
            assert_eq!(
                (back.code, back.problems[0].code.as_str()),
                (Code::OperatorDesk, "operator_desk_landline")
            );
            assert_eq!(of(&desk, &TenantId::new("acme")).await, Ok(CarrierProfile::Platform));
            desk.store.close().await;
            std::fs::remove_dir_all(&desk.data).expect("removed");
        });
    }

    #[test]
    fn r03_a_crisis_is_a_change_too() {
        run(async {
            let desk = provider("others").await;
            let itself = Desk { author: Author::Enterprise, ..desk.clone() };
            imports(&desk, &["010-62345601"]).await.expect("stored");
            put_under(&desk, CarrierProfile::OperatorDesk { area_code: "010".into() }).await.expect("put");
            let tenant = TenantId::new("acme");
            let until = hotline::Wall(crate::clock::wall().0 + 3_600_000);
            let then = hotline::enterprise::CrisisThen::HangUp;
            let crisis = super::super::crisis::Switch { until, notice: None, then };
            let asked = super::super::crisis::Crisis { tenant, crisis: Some(crisis), by: "tester".into() };
            let refused = super::super::crisis::switch(&itself, &asked).await;
            assert_eq!(refused.map_err(|refusal| refusal.code).err(), Some(Code::NoSelfChange));
            assert!(super::super::crisis::switch(&desk, &asked).await.expect("switched").on);
            let nobody = put_under(&desk, CarrierProfile::OperatorDesk { area_code: "0300".into() }).await;
            assert_eq!(nobody.map_err(|refusal| refusal.code).err(), Some(Code::InvalidValue));
            desk.store.close().await;
            std::fs::remove_dir_all(&desk.data).expect("removed");
        });
    }
}
