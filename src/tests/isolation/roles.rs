//! What is for the marketplace's core is for no other role, and so is what is for its staff.

use super::*;

/// The doors are those of the hub's own description: one that is added is looked at as well.
#[tokio::test]
async fn what_is_for_the_core_or_for_the_staff_is_for_no_other_role() {
    let hub = Hub::set(&[("CHAT_ADMIN", "write")]).await;
    let document = hub.person(42).get("/openapi.json").await.is(200);
    let paths = document["paths"].as_object().expect("paths");
    let forged = Forged::all(hub.secret(), 42);
    let mut doors = 0;
    for (path, operations) in paths {
        let others = match path.split('/').nth(1) {
            Some("internal") => [hub.person(42), hub.staff()],
            Some("admin") => [hub.person(42), hub.core()],
            _ => continue,
        };
        let path = path.replace("{id}", "1").replace("{delivery}", "1");
        for method in operations.as_object().expect("operations").keys() {
            let method: Method = method.to_uppercase().parse().expect("a method");
            let name = format!("{method} {path}");
            for who in &others {
                let refused = answer(who.ask(method.clone(), &path).json(&json!({}))).await;
                assert_eq!(said(&refused), "403 forbidden", "{name}");
            }
            for (why, token) in &forged {
                let who = hub.person_with(42, token);
                let refused = answer(who.ask(method.clone(), &path).json(&json!({}))).await;
                assert_eq!(said(&refused), "401 unauthorized", "{name} with {why}");
            }
            let refused = answer(hub.person(42).request(method, &path).json(&json!({}))).await;
            assert_eq!(said(&refused), "401 unauthorized", "{name} without a token");
            doors += 1;
        }
    }
    assert!(doors >= 22, "{doors} doors are not all");
}
