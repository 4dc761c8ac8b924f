//! What a listener could decode is decoded from the frame record alone: bytes in hex, what the transport said, and
//! where the photos stood that were cut out.
#![allow(clippy::unwrap_used, clippy::panic)]

mod vectors;

use device_codec::{Context, DecodeError, ImageCut, Payload, Protocol, decode, photos};
use serde_json::{Value, json};
use vectors::{all, unhex};

fn readings(protocol: Protocol, payload: &[u8], context: &Context<'_>) -> Result<Vec<Value>, DecodeError> {
    let mut seen = Vec::new();
    decode(protocol, payload, context, &mut |reading| {
        let mut json = Vec::new();
        reading.write_json(&mut json);
        seen.push(serde_json::from_slice(&json).unwrap());
    })?;
    Ok(seen)
}

/// The record as it is stored: the photos are cut out, and everything else is there.
fn record(protocol: Protocol, payload: &[u8], context: &Context<'_>) -> String {
    let (mut rest, mut images, mut from) = (Vec::new(), Vec::new(), 0);
    for photo in photos(protocol, payload, context) {
        rest.extend_from_slice(&payload[from..photo.offset]);
        from = photo.offset + photo.len;
        images.push(json!({"offset": photo.offset, "bytes": photo.len}));
    }
    rest.extend_from_slice(&payload[from..]);
    let hex: String = rest.iter().map(|b| format!("{b:02x}")).collect();
    let record = json!({"protocol": protocol.name(), "payload": hex, "port": context.port, "route": context.route,
        "content_type": context.content_type, "images": images});
    record.to_string()
}

fn from_record(record: &str) -> Result<Vec<Value>, DecodeError> {
    let record: Value = serde_json::from_str(record).unwrap();
    let images = record["images"].as_array().unwrap().iter().map(|image| ImageCut {
        offset: image["offset"].as_u64().unwrap(),
        bytes: image["bytes"].as_u64().unwrap(),
    });
    let images: Vec<ImageCut> = images.collect();
    let context = Context {
        port: record["port"].as_u64().map(|port| port as u8),
        route: record["route"].as_str(),
        content_type: record["content_type"].as_str(),
        images: &images,
    };
    let protocol = Protocol::parse(record["protocol"].as_str().unwrap()).unwrap();
    readings(protocol, &unhex(record["payload"].as_str().unwrap()), &context)
}

#[test]
fn all_published_frames() {
    for vector in all() {
        let context = vector.context();
        let direct = readings(vector.protocol, &vector.payload, &context);
        let record = record(vector.protocol, &vector.payload, &context);
        match (direct, from_record(&record)) {
            (Ok(direct), Ok(stored)) => assert_eq!(direct, stored, "{}", vector.name),
            (direct, stored) => {
                assert_eq!(direct.map_err(|e| e.code), stored.map_err(|e| e.code), "{}", vector.name);
            }
        }
    }
}

/// A record of a JSON protocol may hold the document itself: it stands for its compact text.
#[test]
fn a_document_stands_for_its_compact_text() {
    for vector in all() {
        let document = serde_json::from_slice::<Value>(&vector.payload);
        if let (Payload::Json, Ok(document)) = (vector.protocol.info().payload, document) {
            let direct = readings(vector.protocol, &vector.payload, &vector.context());
            let compact = readings(vector.protocol, document.to_string().as_bytes(), &vector.context());
            assert_eq!(direct.map_err(|e| e.code), compact.map_err(|e| e.code), "{}", vector.name);
        }
    }
}

fn vz_frame(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[b'V', b'Z', kind, 0][..], &(body.len() as u32).to_be_bytes(), body].concat()
}

#[test]
fn frames_whose_photos_were_cut_out() {
    let base64 = format!("/9j/{}", "A".repeat(200));
    let push = format!(
        r#"{{"AlarmInfoPlate":{{"result":{{"PlateResult":{{"imageFile":"{base64}","license":"粤B12345","plateid":7}}}}}}}}"#
    );
    let jpeg = [&b"\xff\xd8"[..], &[0x42; 300]].concat();
    let text = b"{\"cmd\":\"ivs_result\",\"PlateResult\":{\"license\":\"\xd4\xc1B12345\"},\"id\":9}\0";
    let block = |kind: u8, data: &[u8]| {
        [&[b'I', b'R', kind, 0][..], &(data.len() as u32).to_be_bytes(), data].concat()
    };
    let mut structure = vec![0; 180];
    structure[..8].copy_from_slice(b"\xd4\xc1B12345");
    let blocks = [block(2, &jpeg), block(1, &structure), block(3, &jpeg)].concat();
    let xml = "<EventNotificationAlert><eventType>ANPR</eventType><ANPR><licensePlate>粤B12345</licensePlate>\
               </ANPR></EventNotificationAlert>";
    let multipart = [
        b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: 302\r\n\r\n".as_slice(),
        &jpeg,
        b"\r\n--b\r\nContent-Disposition: form-data; name=\"anpr.xml\"\r\n\r\n",
        xml.as_bytes(),
        b"\r\n--b--\r\n",
    ]
    .concat();
    let typed = Context { content_type: Some("multipart/form-data; boundary=b"), ..Context::default() };
    let frames = [
        (Protocol::VzHttp, push.into_bytes(), Context::default()),
        (Protocol::VzTcp, vz_frame(0, &[&text[..], &jpeg].concat()), Context::default()),
        (Protocol::VzTcp, vz_frame(2, &blocks), Context::default()),
        (Protocol::HikvisionIsapi, multipart, typed),
    ];
    for (protocol, payload, context) in frames {
        let record = record(protocol, &payload, &context);
        assert!(record.len() < 2 * payload.len(), "{protocol}: the photo is still there");
        let direct = readings(protocol, &payload, &context).unwrap();
        assert_eq!(direct[0]["plate"], "粤B12345", "{protocol}");
        assert_eq!(from_record(&record).unwrap(), direct, "{protocol}");
    }
}
