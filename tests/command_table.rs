//! The generated command table is in step with its inputs.

#[path = "../examples/generate_command_table.rs"]
#[allow(dead_code)]
mod generator;

/// Names the JSON files, separated as in `PATH`, in the order given to the generator.
const INPUTS: &str = "COMMAND_TABLE_INPUTS";

#[test]
fn generated_table_is_in_step_with_its_inputs() {
    let Some(inputs) = std::env::var_os(INPUTS) else {
        eprintln!("skipped: {INPUTS} does not name the JSON files");
        return;
    };
    let files: Vec<_> = std::env::split_paths(&inputs).collect();
    let table = generator::generate(&files).expect("the inputs are readable");
    assert!(
        table.source == include_str!("../src/command/table/generated.rs"),
        "src/command/table/generated.rs is out of date: run the generator again"
    );
}
