//! Reading works from arguments, standard input and files.
