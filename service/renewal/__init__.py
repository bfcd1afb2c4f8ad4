"""An index built anew while it is served: what is asked for, how it is done, and who watches.

order        what a rebuild is asked for, and what came of it
renew        records -> unpublished snapshot -> replay -> comparison with the running one -> published, held or refused
comparison   the same stored products asked of both, each without itself, paired
process      the process of its own that does it for a service: low priority, one thread, bounded memory
watch        who starts that process, reads how far it is, and can stop it
needs        when what is measured says that an index should be built anew
recovery     what is served when the published snapshot cannot be
"""
