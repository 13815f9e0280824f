// A video beside an article: nothing where the school has put none; whoever keeps the guide puts one there.
import { Button, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useId, useState } from 'react';
import { refusalOf } from '../../shared/errors';
import { useTexts } from '../../shared/i18n/use-texts';
import { useMe } from '../../shared/me';
import { Dialog } from '../../shared/ui/dialog';
import { Icon } from '../../shared/ui/icon';
import { RefusalAlert } from '../../shared/ui/refusal';
import sheet from '../../shared/ui/sheet.module.css';
import type { Form } from '../../shared/wire.gen';
import type { Part } from './articles';
import styles from './guide.module.css';
import { guideTexts } from './texts';
import {
  dropVideo,
  MOST_BYTES,
  MOST_LINK,
  MOST_TITLE,
  putFile,
  putLink,
  useVideos,
  VIDEOS,
  type Video,
} from './videos';

export function ArticleVideo({ part, form }: { part: Part; form: Form }) {
  const t = useTexts(guideTexts);
  const mayEdit = useMe()?.actions.includes('guide.manage') ?? false;
  const { data, error } = useVideos();
  const [isOpen, setOpen] = useState(false);
  const video = data?.items.find((one) => one.part === part && one.form === form);
  const what = `${t(`part_${part}`)}, ${t(form).toLocaleLowerCase()}`;
  if (!video && !mayEdit) return null;
  return (
    <div className={styles.video}>
      {video?.url && (
        <figure>
          {/* biome-ignore lint/a11y/useMediaCaption: the article beside it says the same in words */}
          <video controls preload="none" src={video.url} aria-label={t('video_of', { title: video.title })} />
          <figcaption>{video.title}</figcaption>
        </figure>
      )}
      {video?.link && (
        <a href={video.link} target="_blank" rel="noopener noreferrer">
          <Icon name="cam" size={18} />
          {t('video_of', { title: video.title })}
        </a>
      )}
      {mayEdit && error && <RefusalAlert refusal={refusalOf(error)} />}
      {mayEdit && data && (
        <Button
          size="compact-sm"
          variant="light"
          aria-label={t(video ? 'video_change_of' : 'video_add_of', { what })}
          onClick={() => setOpen(true)}
        >
          {t(video ? 'video_change' : 'video_add')}
        </Button>
      )}
      <Dialog opened={isOpen} onClose={() => setOpen(false)} title={t('video_title', { what })}>
        <Editor part={part} form={form} known={video} onDone={() => setOpen(false)} />
      </Dialog>
    </div>
  );
}

type EditorProps = { part: Part; form: Form; known: Video | undefined; onDone: () => void };

function Editor({ part, form, known, onDone }: EditorProps) {
  const t = useTexts(guideTexts);
  const client = useQueryClient();
  const id = useId();
  const [title, setTitle] = useState(known?.title ?? '');
  const [kind, setKind] = useState<'link' | 'file'>(known?.url ? 'file' : 'link');
  const [link, setLink] = useState(known?.link ?? '');
  const [file, setFile] = useState<File>();
  const isLarge = kind === 'file' && (file?.size ?? 0) > MOST_BYTES;
  const doing = useMutation({
    mutationFn: async (what: 'put' | 'drop') => {
      if (what === 'drop') await dropVideo(part, form);
      else if (kind === 'link') await putLink(part, form, title, link.trim());
      else if (file) await putFile(part, form, title, file);
    },
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: VIDEOS });
      onDone();
    },
  });
  return (
    <form
      className={styles.editor}
      onSubmit={(event) => {
        event.preventDefault();
        if (!isLarge) doing.mutate('put');
      }}
    >
      <TextInput
        label={t('video_name')}
        required
        maxLength={MOST_TITLE}
        value={title}
        onChange={(event) => setTitle(event.currentTarget.value)}
      />
      <fieldset className={styles.kinds}>
        <legend>{t('video_where')}</legend>
        {(['link', 'file'] as const).map((one) => (
          <label key={one}>
            <input type="radio" name={`${id}-kind`} checked={kind === one} onChange={() => setKind(one)} />
            {t(`video_${one}`)}
          </label>
        ))}
      </fieldset>
      {kind === 'link' ? (
        <TextInput
          label={t('video_address')}
          type="url"
          required
          pattern="https://.+"
          maxLength={MOST_LINK}
          placeholder="https://"
          value={link}
          onChange={(event) => setLink(event.currentTarget.value)}
        />
      ) : (
        <div>
          <label htmlFor={id}>{t('video_choose')}</label>
          <input
            id={id}
            type="file"
            required
            accept="video/mp4,video/webm,.mp4,.webm"
            onChange={(event) => setFile(event.currentTarget.files?.[0])}
          />
          <p className={sheet.soft}>{t('video_limits')}</p>
          {isLarge && <p role="alert">{t('video_large')}</p>}
        </div>
      )}
      {doing.isError && <RefusalAlert refusal={refusalOf(doing.error)} />}
      <div className={styles.actions}>
        <Button type="submit" loading={doing.isPending} disabled={isLarge}>
          {t('video_save')}
        </Button>
        {known && (
          <Button variant="default" disabled={doing.isPending} onClick={() => doing.mutate('drop')}>
            {t('video_drop')}
          </Button>
        )}
      </div>
    </form>
  );
}
