// Places: on the world of Web Mercator, whose sides are 1 long, and as polygons that are stored in the page.

const UNITS_PER_DEGREE = 1e6;
const TILE = 256;

function worldOf({ lat, lng }) {
  const sine = Math.sin((lat * Math.PI) / 180);
  return [lng / 360 + 0.5, 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI)];
}

function latLngOf(x, y) {
  return L.CRS.EPSG3857.pointToLatLng(L.point(x * TILE, y * TILE), 0);
}

// A stored ring is [lon, lat, dlon, dlat, ...] in millionths of a degree. Leaflet wants [lat, lon].
function decodeRing(steps) {
  const ring = [];
  let lon = 0;
  let lat = 0;
  for (let i = 0; i < steps.length; i += 2) {
    lon += steps[i];
    lat += steps[i + 1];
    ring.push([lat / UNITS_PER_DEGREE, lon / UNITS_PER_DEGREE]);
  }
  return ring;
}

// Places with their polygons decoded, those on the world too, and their bounding boxes, from columns of equal length.
function decodePlaces(columns) {
  return columns.polygons.map((polygons, index) => {
    const decoded = polygons.map((rings) => rings.map(decodeRing));
    const bounds = L.latLngBounds([]);
    for (const rings of decoded) for (const point of rings[0]) bounds.extend(point);
    const world = decoded.map((rings) => rings.map((ring) => ring.map(([lat, lng]) => worldOf({ lat, lng }))));
    const box = [...worldOf(bounds.getNorthWest()), ...worldOf(bounds.getSouthEast())];
    const place = { index, polygons: decoded, bounds, world, box };
    for (const name of Object.keys(columns)) {
      if (name !== "polygons") place[name] = columns[name][index];
    }
    return place;
  });
}

// Whether a point lies in a place: a ray to the east crosses its rings an odd number of times.
function holds(place, point) {
  if (!place.bounds.contains(point)) return false;
  let odd = false;
  for (const rings of place.polygons) {
    for (const ring of rings) {
      for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
        const [lat1, lon1] = ring[i];
        const [lat2, lon2] = ring[j];
        if (lat1 > point.lat !== lat2 > point.lat && point.lng < ((lon2 - lon1) * (point.lat - lat1)) / (lat2 - lat1) + lon1) {
          odd = !odd;
        }
      }
    }
  }
  return odd;
}

// The place at a point. A place smaller than a fingertip also answers to clicks within `reach` of its middle, on the world.
function placeAt(places, point, reach) {
  const found = places.find((place) => holds(place, point));
  if (found) return found;
  const [x, y] = worldOf(point);
  const away = ({ box }) => Math.hypot((box[0] + box[2]) / 2 - x, (box[1] + box[3]) / 2 - y);
  return places.filter((place) => away(place) <= reach).sort((a, b) => away(a) - away(b))[0];
}

// The outlines of a place as lines of a canvas: of its pixel (i, j) the place on the world is view.x + i * view.step, and so on.
function trace(context, { world }, view) {
  for (const rings of world) {
    for (const ring of rings) {
      ring.forEach(([x, y], i) => context[i ? "lineTo" : "moveTo"]((x - view.x) / view.step, (y - view.y) / view.step));
      context.closePath();
    }
  }
}
