#pragma once
std::string Alone();  // without <string>
