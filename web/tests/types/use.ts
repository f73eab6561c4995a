// What a TypeScript project sees of the library: this must be accepted, and what is marked must not.
import { ChatClient, ChatError, type Message, type Thread } from '../../chat-client.js';
import { downscale } from '../../images.js';

const chat = new ChatClient({ url: 'https://shop.example/api', getToken: async () => 'a.b.c', prepare: downscale(2048) });
const off: () => void = chat.on('message', (message, thread) => {
  const text: string | null = message.content;
  const author: number | null = message.sender_id;
  if (message.kind === 'system') console.log(author, thread.other?.name, message.card?.title);
  const now = message.card && chat.cards.get(message.card);
  if (now && now.version > (message.card?.version ?? 0)) console.log(now.amount, now.state, chat.profile(thread.other_user_id)?.verified);
  thread.messages.push({ ...message, content: text });
});
off();
chat.on('upload', ({ temp_id }, picture) => picture.progress < 0.5 && chat.cancelUpload(temp_id, picture).then((taken: boolean) => taken));
chat.restore([]);

export async function use(): Promise<Message> {
  for await (const [thread] of chat.stream('thread')) {
    const known: Thread = thread;
    chat.markSeen(known);
    for (const { kind, state, error, reason, temp_id, message_id, content } of chat.outbox(known)) {
      if (kind === 'edit' && state === 'failed') console.log(message_id?.toFixed(), content, error === 'edit_window_closed', reason);
      const edited: Message = await chat.edit(temp_id, 'better');
      await chat.delete(edited.id);
    }
    break;
  }
  for await (const message of chat.history({ user: 7 })) if (chat.status(message) === 'seen') break;
  try {
    chat.on('card', ({ kind, id }, card) => console.log(kind, id, card?.title ?? 'unknown'));
    await chat.send({ user: 7 }, { card: { kind: 'product', id: 5 } });
    // @ts-expect-error: no such kind of card
    await chat.send({ user: 7 }, { card: { kind: 'user', id: '5' } });
    return await chat.connect().send({ user: 7 }, { text: 'hello', images: [new Blob()], card: 'product:5' });
  } catch (error) {
    if (error instanceof ChatError && error.code === 'text_too_long') throw error;
    if (error instanceof ChatError && (error.code === 'bad_token' || error.code === 'other_user' || error.code === 'forbidden_origin')) throw error;
    // @ts-expect-error: no such code
    if (error instanceof ChatError && error.code === 'too_long') throw error;
    // @ts-expect-error: the state is the client's own
    chat.state = 'online';
    // @ts-expect-error: no such event
    chat.on('massage', () => {});
    throw error;
  }
}
