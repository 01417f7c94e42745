mod cursor;
mod model;
mod sim;
mod stream;
