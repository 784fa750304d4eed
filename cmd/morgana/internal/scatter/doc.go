// Package scatter draws points of several series on logarithmic axes as one self-contained SVG file, for light and
// dark pages. A colour and a shape together tell the series apart: fifteen colours alone do not.
//
//	series of points ─▶ decades that hold them ─▶ axes and grid ─▶ a mark for each point, a legend ─▶ SVG
//
// # Rationale
//
// The file is written by hand, not by a plotting library: it has to follow the reader's colour scheme, which takes a style
// sheet inside of it.
package scatter
