#pragma once
inline int High() { return 3; }
