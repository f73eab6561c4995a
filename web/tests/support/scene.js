// A conversation that looks like one, for pictures of the page.

const SCENE = [
  [1, 'Hi! Is the walnut desk still available?', { product_id: 5120 }],
  [2, 'Hello Alice, it is. I can hold it until Friday.'],
  [2, 'It is solid walnut, 140 × 70 cm. The drawers run like new.'],
  [1, 'Lovely. Would you take 240 for it, if I pick it up myself?'],
  [2, 'Make it 250 and I throw in the lamp.'],
  [1, 'Deal! مرحبا، هل يمكنني المرور مساء الخميس؟'],
  [2, 'بالتأكيد، الساعة السابعة مساءً مناسبة لي.'],
  [1, 'Perfect. I will bring a friend with a van, so it should take ten minutes at most.'],
];

/** Lets Alice and Bob talk, and the marketplace and others write to Alice. */
export async function play(hub) {
  const others = [[3, 'Thank you, the parcel has arrived today!'], [4, 'Could you send it with tracking?'], [5, 'Fine, thank you!'], [6, 'Which size is the jacket? The listing says M, the photo looks more like an L to me.']];
  for (const [user, content] of others) await hub.ask(user, 'POST', '/chat/send', { receiver_id: 1, temp_id: `s-${user}`, content });
  for (const [index, [user, content, extra_data]] of SCENE.entries()) {
    await hub.ask(user, 'POST', '/chat/send', { receiver_id: 3 - user, temp_id: `s-${index}`, content, extra_data });
  }
  const notes = [['order', 'Order 17 is paid', 'Ship it by Friday.'], ['review', 'A new review', 'Farid gave you five stars: “Fast and friendly.”']];
  for (const [type, title, body] of notes) await hub.ask(1, 'POST', '/internal/notifications', { user_id: 1, type, title, body }, { role: 'service' });
}
