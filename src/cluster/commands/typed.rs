//! One definition of a typed command, for every handle it can be called on.

/// Defines typed commands: methods of [`Cluster`](crate::Cluster) that send them, and of
/// [`Pipeline`](crate::Pipeline) that add them.
///
/// Each reads as a function from arguments to the [`Command`](crate::Command) to send, with the type of the reply
/// in place of the command's. In its body `?` refuses what must not be sent; `<T>` is what the caller asks for, and
/// `from` a function that makes the reply's type out of what the server sends.
macro_rules! commands {
    (
        $(#[$group_doc:meta])*
        group $title:literal;

        $(
            $(#[$doc:meta])*
            fn $name:ident $(<$reply_type:ident>)? ($($argument:ident: $type:ty),* $(,)?) -> $reply:ty $body:block
                $(from $convert:expr;)?
        )*
    ) => {
        // The docs of a command refer to others by this name.
        use $crate::Cluster;

        $(#[$group_doc])*
        impl<S> Cluster<S>
        where
            S: tower::Service<$crate::Command, Response = $crate::Value> + Clone,
            S::Error: Into<tower::BoxError>,
        {
            $(
                $(#[$doc])*
                pub fn $name $(<$reply_type: $crate::FromValue>)? (
                    &self,
                    $($argument: $type),*
                ) -> impl Future<Output = Result<$reply, $crate::Error>> {
                    // Built here and not by the future, which would be larger by all the arguments.
                    let build = move || -> Result<$crate::Command, $crate::Error> { Ok($body) };
                    let reply = self.query_checked(build());
                    $(let reply = futures_util::FutureExt::map(reply, |reply| reply.map($convert));)?
                    reply
                }
            )*
        }

        #[doc = concat!("# ", $title)]
        impl $crate::Pipeline {
            $(
                #[doc = concat!("Adds what [`Cluster::", stringify!($name), "`](crate::Cluster::", stringify!($name), ") sends.")]
                pub fn $name(self, $($argument: $type),*) -> Self {
                    let build = move || -> Result<$crate::Command, $crate::Error> { Ok($body) };
                    self.add_checked(build())
                }
            )*
        }
    };
}

pub(super) use commands;
