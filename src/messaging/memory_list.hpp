// Lists of objects that leave them when they end.
#pragma once

#include <boost/intrusive/list.hpp>

namespace tidings::messaging {

using AutoUnlink = boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

template <class T>
using LinkedList = boost::intrusive::list<T, boost::intrusive::constant_time_size<false>>;

}  // namespace tidings::messaging
