package strictyaml

import (
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// scalar reports whether n is a single value, and the error when it is not.
func (d *decoder) scalar(n Node, want string) bool {
	if n.Kind() != Scalar {
		d.fail(n, "want %s, found %s", want, n.Kind())
		return false
	}
	return true
}

func (d *decoder) scalarInto(n Node, v reflect.Value) {
	switch {
	case v.Type() == reflect.TypeFor[time.Duration]():
		d.duration(n, v)
	case v.Kind() == reflect.String:
		if d.scalar(n, "text") {
			v.SetString(n.Text())
		}
	case v.Kind() == reflect.Bool:
		d.boolean(n, v)
	case v.CanInt():
		d.integer(n, v)
	case v.CanUint():
		d.unsigned(n, v)
	case v.CanFloat():
		d.float(n, v)
	default:
		d.fail(n, "this program cannot read a %s from YAML", v.Type())
	}
}

func (d *decoder) boolean(n Node, v reflect.Value) {
	if !d.scalar(n, "true or false") {
		return
	}
	switch n.Text() {
	case "true", "True", "TRUE":
		v.SetBool(true)
	case "false", "False", "FALSE":
		v.SetBool(false)
	default:
		d.fail(n, "want true or false, found %s", n.describe())
	}
}

func (d *decoder) integer(n Node, v reflect.Value) {
	if !d.scalar(n, "a whole number") || d.leadingZero(n) {
		return
	}
	i, err := strconv.ParseInt(n.Text(), 0, v.Type().Bits())
	if err != nil {
		d.numberError(n, "a whole number", err)
		return
	}
	v.SetInt(i)
}

func (d *decoder) unsigned(n Node, v reflect.Value) {
	if !d.scalar(n, "a whole number") || d.leadingZero(n) {
		return
	}
	if i, err := strconv.ParseInt(n.Text(), 0, 64); err == nil && i < 0 {
		d.fail(n, "must not be negative, found %s", n.describe())
		return
	}
	u, err := strconv.ParseUint(strings.TrimPrefix(n.Text(), "+"), 0, v.Type().Bits())
	if err != nil {
		d.numberError(n, "a whole number", err)
		return
	}
	v.SetUint(u)
}

func (d *decoder) float(n Node, v reflect.Value) {
	if !d.scalar(n, "a number") {
		return
	}
	f, err := strconv.ParseFloat(n.Text(), v.Type().Bits())
	if err != nil {
		d.numberError(n, "a number", err)
		return
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		d.fail(n, "want a finite number, found %s", n.describe())
		return
	}
	v.SetFloat(f)
}

// leadingZero refuses 010: one YAML reads it as ten, another as eight.
func (d *decoder) leadingZero(n Node) bool {
	digits := strings.TrimLeft(n.Text(), "+-")
	if len(digits) < 2 || digits[0] != '0' || digits[1] < '0' || digits[1] > '9' {
		return false
	}
	d.fail(n, "want a whole number without leading zeros, found %s", n.describe())
	return true
}

func (d *decoder) numberError(n Node, want string, err error) {
	if numError, ok := err.(*strconv.NumError); ok && numError.Err == strconv.ErrRange {
		d.fail(n, "%s is out of range", n.describe())
		return
	}
	d.fail(n, "want %s, found %s", want, n.describe())
}

func (d *decoder) duration(n Node, v reflect.Value) {
	if !d.scalar(n, "a duration like 30s") {
		return
	}
	text := n.Text()
	parsed, err := time.ParseDuration(text)
	_, notNumber := strconv.ParseFloat(text, 64)
	switch {
	case notNumber == nil && text[0] >= '0' && text[0] <= '9' && text != "0":
		d.fail(n, "a duration needs a unit: write %ss, or %sms", clip(text), clip(text))
	case strings.HasPrefix(text, "-"):
		d.fail(n, "a duration must not be negative, found %s", n.describe())
	case err != nil:
		d.fail(n, "want a duration like 30s, 500ms or 1m30s (units ns, us, ms, s, m, h), found %s", n.describe())
	default:
		v.SetInt(int64(parsed))
	}
}

// plain decodes a scalar by what YAML says that it is.
func (d *decoder) plain(n Node) (any, bool) {
	before := len(d.errs)
	switch n.node.ShortTag() {
	case "!!bool":
		var b bool
		d.boolean(n, reflect.ValueOf(&b).Elem())
		return b, len(d.errs) == before
	case "!!int":
		return d.plainInt(n)
	case "!!float":
		var f float64
		d.float(n, reflect.ValueOf(&f).Elem())
		return f, len(d.errs) == before
	}
	return n.Text(), true
}

func (d *decoder) plainInt(n Node) (any, bool) {
	if u, err := strconv.ParseUint(n.Text(), 0, 64); err == nil && u > math.MaxInt64 {
		return u, true
	}
	var i int
	before := len(d.errs)
	d.integer(n, reflect.ValueOf(&i).Elem())
	return i, len(d.errs) == before
}
