//! Settings against tables of cameras as they are.

use super::*;

fn entry(name: &str, kind: ControlType, size: Option<usize>, min: f64, max: f64) -> Entry {
    Entry {
        id: 1,
        name: name.into(),
        kind,
        size,
        min: min.to_string(),
        max: max.to_string(),
        default: min.to_string(),
        choices: BTreeMap::new(),
        values: Vec::new(),
    }
}

/// Some of what a Camera Module 3 has.
fn table() -> Table {
    let mut crop = entry("ScalerCrop", ControlType::Rectangle, None, 0.0, 0.0);
    crop.min = "0,0,64,64".into();
    crop.max = "16,24,4608,2592".into();
    let mut windows = entry("AfWindows", ControlType::Rectangle, Some(0), 0.0, 0.0);
    windows.min = "0,0,0,0".into();
    windows.max = "65535,65535,65535,65535".into();
    let mut awb = entry("AwbMode", ControlType::Int32, None, 0.0, 7.0);
    awb.values = (0..6).map(f64::from).collect();
    awb.choices = BTreeMap::from([
        (0, "AwbAuto".into()),
        (5, "AwbDaylight".into()),
        (7, "AwbCustom".into()),
    ]);
    Table(vec![
        crop,
        windows,
        awb,
        entry("AnalogueGain", ControlType::Float, None, 1.0, 16.0),
        entry("ExposureTime", ControlType::Int32, None, 1.0, 220_416_802.0),
        entry("ColourGains", ControlType::Float, Some(2), 0.0, 32.0),
        entry("AeEnable", ControlType::Bool, None, 0.0, 1.0),
    ])
}

fn text(control: &str, text: &str) -> Result<ControlValue, String> {
    let setting = Setting::new(Some(format!("--{control}")), control, text);
    match table().resolve(&[setting]) {
        Ok(mut given) => Ok(given.get_raw(1).unwrap()),
        Err(error) => {
            assert!(error.is_usage());
            Err(error.to_string())
        }
    }
}

fn number(control: &str, number: f64) -> Result<ControlValue, String> {
    text(control, &number.to_string())
}

#[test]
fn values_come_in_the_controls_type() {
    assert!(matches!(number("AnalogueGain", 2.5), Ok(ControlValue::Float(v)) if v[..] == [2.5]));
    assert!(matches!(number("ExposureTime", 2e4), Ok(ControlValue::Int32(v)) if v[..] == [20_000]));
    assert!(matches!(text("AeEnable", "false"), Ok(ControlValue::Bool(v)) if v[..] == [false]));
    assert!(matches!(text("AwbMode", "AwbDaylight"), Ok(ControlValue::Int32(v)) if v[..] == [5]));
    assert!(
        matches!(text("ColourGains", "1.5,2"), Ok(ControlValue::Float(v)) if v[..] == [1.5, 2.0])
    );
}

#[test]
fn what_is_out_of_range_is_answered_with_the_range() {
    let message = number("AnalogueGain", 99.0).unwrap_err();
    assert!(message.contains("1 to 16"), "{message}");
    let message = number("AwbMode", 7.0).unwrap_err();
    assert!(message.contains("AwbDaylight (5)"), "{message}");
    let message = text("ColourGains", "1,40").unwrap_err();
    assert!(message.contains("0 to 32"), "{message}");
}

#[test]
fn a_control_that_the_camera_does_not_have_is_answered_with_those_that_it_has() {
    let message = number("LensPosition", 1.0).unwrap_err();
    assert!(message.contains("no control LensPosition"), "{message}");
    assert!(message.contains("AnalogueGain"), "{message}");
    let setting = Setting::optional("LensPosition", "1");
    assert_eq!(table().resolve(&[setting]).unwrap().len(), 0);
}

#[test]
fn a_value_of_the_wrong_shape_never_reaches_libcamera() {
    for (control, wrong) in [
        ("AnalogueGain", "1,2"),
        ("ColourGains", "1"),
        ("ColourGains", "1,2,3"),
        ("AeEnable", "2"),
        ("ExposureTime", "1.5"),
        ("ExposureTime", "99999999999"),
        ("ExposureTime", "soon"),
        ("ScalerCrop", "0,0,10"),
        ("AfWindows", "0,0,-1,4"),
        ("AwbMode", "AwbMoon"),
        ("AnalogueGain", "NaN"),
    ] {
        assert!(text(control, wrong).is_err(), "{control}={wrong}");
    }
}

#[test]
fn a_window_is_a_share_of_the_sensors_field() {
    let half = "0.25,0.5,0.5,0.5";
    let Ok(ControlValue::Rectangle(area)) = text("ScalerCrop", half) else {
        panic!("a rectangle was expected");
    };
    let area = area[0];
    assert_eq!(
        (area.x, area.y, area.width, area.height),
        (16 + 1152, 24 + 1296, 2304, 1296)
    );
    // One window would end the process in an assertion of libcamera's: it is given twice.
    assert!(matches!(text("AfWindows", half), Ok(ControlValue::Rectangle(v)) if v.len() == 2));
}

#[test]
fn a_crop_beyond_the_sensor_is_refused() {
    assert!(text("ScalerCrop", "16,24,4608,2592").is_ok());
    let message = text("ScalerCrop", "0,0,5000,2592").unwrap_err();
    assert!(message.contains("within 16,24,4608,2592"), "{message}");
}

#[test]
fn values_are_listed_as_they_were_written() {
    let floats: ControlValue = vec![0.1f32, 32.0].into();
    assert_eq!(value::text(&floats), "0.1,32");
    assert_eq!(value::text(&true.into()), "true");
    let json = |text| json(text, serde_json::value::Serializer).unwrap();
    assert_eq!(json("0.1,32").to_string(), "[0.1,32]");
    assert_eq!(json("true").to_string(), "true");
    let none = value::text(&ControlValue::None);
    assert_eq!(json(&none), serde_json::Value::Null);
    let entry = serde_json::to_value(&table().0[2]).unwrap();
    let expected = serde_json::json!({"name": "AwbMode", "min": 0, "max": 7, "default": 0,
        "choices": ["AwbAuto", "AwbDaylight", "AwbCustom"]});
    assert_eq!(entry, expected);
}
