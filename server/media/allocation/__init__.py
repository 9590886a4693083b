"""Who sees which picture at which size: ways to show one, who gets what of a link, and what senders need not send."""
