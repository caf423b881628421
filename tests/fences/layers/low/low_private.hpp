#pragma once
inline int LowPrivate() { return 1; }
