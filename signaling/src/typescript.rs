//! Writes the message types as TypeScript into the web client, and fails when the file there was stale.
//!
//! One file with everything reachable from the two message unions, in alphabetical order, so that a change of one type
//! is a change of one place in the diff. Integers are `number`: the protocol keeps them under 2^53.

use std::collections::BTreeMap;
use std::path::Path;

use ts_rs::{Config, TS, TypeVisitor};

use crate::message::{ClientMessage, ServerMessage};

struct Collector<'a> {
    config: &'a Config,
    declarations: BTreeMap<String, String>,
}

impl TypeVisitor for Collector<'_> {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        // Only derived types are declared; the rest (String, Vec<_>) is spelled where it is used.
        if T::output_path().is_none() {
            T::visit_generics(self);
            return;
        }
        let name = T::ident(self.config);
        if self.declarations.contains_key(&name) {
            return;
        }
        let docs = T::docs().unwrap_or_default();
        let declaration = T::decl(self.config);
        self.declarations.insert(name, format!("{docs}export {declaration}\n"));
        T::visit_dependencies(self);
        T::visit_generics(self);
    }
}

fn generate() -> String {
    let config = Config::new().with_large_int("number");
    let mut collector = Collector { config: &config, declarations: BTreeMap::new() };
    collector.visit::<ClientMessage>();
    collector.visit::<ServerMessage>();
    let mut text = String::from("// Generated from the Rust types of `signaling/` by its tests. Do not edit.\n\n");
    text.push_str(&format!("export const PROTOCOL_VERSION = {};\n", crate::version::PROTOCOL_VERSION));
    for declaration in collector.declarations.values() {
        text.push('\n');
        text.push_str(declaration);
    }
    text
}

#[test]
fn the_web_clients_wire_types_are_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web-client/src/shared/wire.gen.ts");
    let fresh = generate();
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    if stored != fresh {
        std::fs::create_dir_all(path.parent().expect("the path names a file")).expect("the folder can be made");
        std::fs::write(&path, fresh).expect("the file can be written");
        panic!("web-client/src/shared/wire.gen.ts was stale and has been written anew: commit it");
    }
}
