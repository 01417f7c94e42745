//! What is measured.

/// Does an operation so many times.
pub(crate) type Run = Box<dyn FnMut(u32)>;

/// Something to measure.
pub(crate) struct Row {
    name: String,
    base: Option<String>,
    future: Option<usize>,
    is_ours: bool,
    build: Box<dyn FnOnce() -> Run>,
}

impl Row {
    /// What `build` gives does the operation. It is built when it is measured, so that rows that are not leave no trace in
    /// those that are.
    pub(crate) fn new<R>(name: impl Into<String>, build: impl FnOnce() -> R + 'static) -> Self
    where
        R: FnMut(u32) + 'static,
    {
        Self {
            name: name.into(),
            base: None,
            future: None,
            is_ours: true,
            build: Box::new(move || Box::new(build())),
        }
    }

    /// Compares it with the row of this name.
    pub(crate) fn over(mut self, base: impl Into<String>) -> Self {
        self.base = Some(base.into());
        self
    }

    /// How large the future is that does it, in bytes.
    pub(crate) fn future(mut self, bytes: usize) -> Self {
        self.future = Some(bytes);
        self
    }

    /// Somebody else's code, for comparison only.
    pub(crate) fn others(mut self) -> Self {
        self.is_ours = false;
        self
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn base(&self) -> Option<&str> {
        self.base.as_deref()
    }

    pub(crate) fn future_size(&self) -> Option<usize> {
        self.future
    }

    pub(crate) fn is_ours(&self) -> bool {
        self.is_ours
    }

    pub(crate) fn build(self) -> Run {
        (self.build)()
    }
}

/// The rows with `part` in their names, and those they are compared with.
pub(crate) fn chosen(mut rows: Vec<Row>, part: &str) -> Vec<Row> {
    let is_named = |row: &Row| row.name.contains(part);
    let bases = rows.iter().filter(|row| is_named(row));
    let bases: Vec<String> = bases.filter_map(|row| row.base.clone()).collect();
    rows.retain(|row| is_named(row) || bases.contains(&row.name));
    rows
}
