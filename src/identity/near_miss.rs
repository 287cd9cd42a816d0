//! The smallest edit of a trust policy that would flip a refusal, which names what is wrong with it.
