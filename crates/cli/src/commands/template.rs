//! `haven template …`

use crate::args::vm::TemplateCommand;
use crate::context::Context;
use crate::failure::Outcome;
use crate::records::Record;
use crate::render::units::show_bytes;
use crate::render::{Answer, Cell, Row};

/// Whether a VM record is a template that machines can be made of.
pub(crate) fn is_template(vm: &Record) -> bool {
    vm.flag("is_a_template") && !vm.flag("is_a_snapshot")
}

/// Runs one verb.
pub(crate) async fn run(context: &mut Context, verb: TemplateCommand) -> Outcome<()> {
    match verb {
        TemplateCommand::List => {
            let vms = context.all("VM").await?;
            let rows = vms.iter().filter(|vm| is_template(vm)).map(row).collect();
            let columns = vec!["name", "memory", "vcpus", "disks", "description", "uuid"];
            context.print(&Answer::Table { columns, rows })
        }
        TemplateCommand::Show { template } => {
            let template = context.find("VM", "template", &template, is_template).await?;
            context.print(&Answer::Object { row: row(&template), parts: Vec::new() })
        }
    }
}

fn row(template: &Record) -> Row {
    vec![
        Cell::text("name", template.name()),
        Cell::new(
            "memory",
            template.int("memory_static_max"),
            show_bytes(template.int("memory_static_max")),
        ),
        Cell::number("vcpus", template.int("VCPUs_max")),
        Cell::number("disks", i64::try_from(template.refs("VBDs").len()).unwrap_or(i64::MAX)),
        Cell::text("description", template.text("name_description")),
        Cell::text("uuid", template.uuid()),
    ]
}
